"""Check that a world works, measure how fast it is, and calibrate the model that chooses channels.

Without RANK and WORLD_SIZE in the environment a world of processes is started on this machine, with a
rendezvous server of its own. With them, as in a function, this process takes part as that rank.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any

from fmi.cli import calibrate, programs
from fmi.cli.launch import most_ranks, rendezvous_server, run_ranks
from fmi.comm.communicator import Communicator
from fmi.config import Config, load, parts, resolve
from fmi.errors import ConfigError, FMIError

COMMAND = "python -m fmi"
EXAMPLES = """examples:
  {command} hello --ranks 4
  {command} pingpong
  {command} bench --ranks 8
  {command} ring --channel Redis --set host=127.0.0.1
  {command} bench --channel S3 --set bucket_name=my-bucket
  {command} calibrate --config fmi.json --output fmi.json
"""
PROGRAMS: dict[str, Callable[[Communicator], None]] = {
    "hello": programs.hello,
    "ring": programs.ring,
    "pingpong": programs.pingpong,
    "bench": programs.bench,
}
INTERRUPTED = 130


def parser(command: str = COMMAND) -> argparse.ArgumentParser:
    """The arguments; ``command`` is what people type before them."""
    made = argparse.ArgumentParser(
        prog=command,
        description=__doc__,
        epilog=EXAMPLES.format(command=command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("program", choices=[*PROGRAMS, "calibrate"], help="what to run")
    made.add_argument("--ranks", type=int, default=2, help="processes to start here (default 2)")
    made.add_argument(
        "--force", action="store_true", help="start more ranks than this machine's memory holds"
    )
    made.add_argument("--config", default=os.environ.get("FMI_CONFIG") or None, help="an fmi.json")
    made.add_argument("--channel", help="enable this channel alone")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of --channel, such as host=..., bucket_name=... or endpoint_url=...",
    )
    made.add_argument("--output", help="calibrate: where to write (default: --config, or ./fmi.json)")
    return made


def _parse(made: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    arguments = made.parse_args(argv)
    if arguments.ranks < 1:
        made.error("--ranks is at least 1")
    room = most_ranks()
    if room is not None and arguments.ranks > room and not arguments.force:
        made.error(
            f"this machine's memory holds about {room:,} ranks, not {arguments.ranks:,}; --force tries"
        )
    if arguments.program in ("pingpong", "calibrate") and arguments.ranks < 2:
        made.error(f"{arguments.program} needs two ranks: --ranks 2")
    if arguments.set and not arguments.channel:
        made.error("--set needs --channel, whose settings it gives")
    if any("=" not in each for each in arguments.set):
        made.error("--set takes NAME=VALUE")
    return arguments


def main(argv: Sequence[str] | None = None, command: str = COMMAND) -> int:
    """Exit status 0 when all went well, 1 when something failed, 2 for bad arguments, 130 after Ctrl-C."""
    arguments = _parse(parser(command), argv)
    is_rank = bool(os.environ.get("RANK") and os.environ.get("WORLD_SIZE"))
    signal.signal(signal.SIGTERM, _interrupt)  # ends what was started, and tells the others
    try:
        content = _content(arguments)
        return _take_part(arguments, content) if is_rank else _launch(arguments, content, argv)
    except FMIError as error:
        print(f"{_who(is_rank)}{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not is_rank:  # the process that started the ranks prints it, once
            print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe, as `| head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _who(is_rank: bool) -> str:
    return f"rank {os.environ['RANK']}: " if is_rank else ""


def _content(arguments: argparse.Namespace) -> dict[str, Any]:
    """The configuration, with the channel that was asked for alone enabled."""
    content = load(arguments.config)
    if arguments.channel:
        given = dict(each.split("=", 1) for each in arguments.set)
        settings = {**parts(content, "backends").get(arguments.channel, {}), **given, "enabled": "true"}
        content["backends"] = {arguments.channel: settings}
    return content


def _launch(arguments: argparse.Namespace, content: Mapping[str, Any], argv: Sequence[str] | None) -> int:
    ranks = 2 if arguments.program == "calibrate" else arguments.ranks
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        if "Direct" in resolve(content).channels and not os.environ.get("RENDEZVOUS_HOST"):
            environment = stack.enter_context(rendezvous_server())
        return run_ranks(sys.argv[1:] if argv is None else argv, ranks, environment)


def _take_part(arguments: argparse.Namespace, content: Mapping[str, Any]) -> int:
    settings = resolve(content, override=True)
    if arguments.program == "calibrate":
        _calibrate(arguments, settings)
    else:
        with _communicator(settings, "") as comm:
            PROGRAMS[arguments.program](comm)
    return 0


def _communicator(settings: Config, suffix: str) -> Communicator:
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        return Communicator(rank, size, settings, os.environ.get("FMI_COMM_NAME", "fmi") + suffix)
    except ConfigError:  # a ValueError too, which says itself what is wrong
        raise
    except ValueError as error:
        raise ConfigError(f"RANK and WORLD_SIZE do not name a rank: {error}") from None


def _calibrate(arguments: argparse.Namespace, settings: Config) -> None:
    measured = {}
    is_first = False
    for name, channel in settings.channels.items():
        alone = dataclasses.replace(settings, channels={name: channel})
        with _communicator(alone, f" / {name}") as comm:
            if comm.size < 2:
                raise ConfigError("calibrate needs a world of two ranks")
            is_first = comm.rank == 0
            measured[name] = calibrate.constants_of(comm)
    if is_first:
        path = calibrate.output_path(arguments.config, arguments.output)
        base = load(arguments.config)
        calibrate.write(path, calibrate.with_constants(base, measured))
        print(json.dumps(measured, indent=2), f"written to {path}", sep="\n", flush=True)
