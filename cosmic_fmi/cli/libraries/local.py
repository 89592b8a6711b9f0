"""An AWS on this machine: S3, Step Functions, Lambda, ECS and more in one daemon."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser, positive
from cosmic_fmi.cli.libraries import local_faults
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.experiment.paths import local_state
from cosmic_fmi.localcloud.state import LOG_FILE, RUNTIMES

EXAMPLE = """\
example:
  cosmic-fmi local start --detach          # state in .local/localcloud, code from the current folder
  eval "$(cosmic-fmi local status --env)"  # point boto3, the AWS CLI and Terraform at it
  aws s3 mb s3://hello
  cosmic-fmi local fault set s3-slowdown=0.2   # what only time brings on AWS, on purpose
  cosmic-fmi local stop
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 1 when not, 2 for bad arguments."""
    options = parser().parse_args(argv)
    commands = {
        "start": _start,
        "stop": _stop,
        "status": _status,
        "logs": _logs,
        "fault": local_faults.run,
    }
    return commands[options.command](options)


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi local`."""
    made = new_parser("local", __doc__, EXAMPLE)
    commands = made.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it (in the foreground unless --detach)")
    start.add_argument("--detach", action="store_true", help="return once it answers")
    start.add_argument("--port", type=_port, default=0, help="port to listen on (default: a free one)")
    start.add_argument(
        "--code-root", type=Path, default=Path(), help="folder that functions run in (default: .)"
    )
    start.add_argument(
        "--concurrency", type=positive, default=1000, help="the account's Lambda concurrency (default 1000)"
    )
    start.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default=RUNTIMES[0],
        help="run functions and tasks as processes (the default) or as containers of their images",
    )
    stop = commands.add_parser("stop", help="stop it with every process it started")
    status = commands.add_parser("status", help="say whether and where it runs")
    status.add_argument("--env", action="store_true", help="print export lines for a shell instead")
    logs = commands.add_parser(
        "logs", help="print the end of its log; what functions print is in `cosmic-fmi logs`"
    )
    logs.add_argument("--lines", type=positive, default=50, metavar="N", help="default: 50")
    fault = local_faults.add_parser(commands)
    for command in (start, stop, status, logs, fault):
        # Where experiments keep it, unless the variable names another folder.
        state = local_state() / "localcloud"
        command.add_argument("--state-dir", type=Path, default=state, help="default: %(default)s")
    return made


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _start(options: argparse.Namespace) -> int:
    if not options.detach:
        # It imports moto, which takes seconds, itself, where it has already taken over Ctrl-C.
        with loading():
            from cosmic_fmi.localcloud.server.daemon import run

        return run(options.state_dir, options.code_root, options.port, options.concurrency, options.runtime)
    with loading():
        from cosmic_fmi.localcloud.client import EmbeddedAWS, StartError

    cloud = EmbeddedAWS(
        options.state_dir, options.code_root, options.port, options.concurrency, options.runtime
    )
    try:
        cloud.start()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"localcloud runs at {cloud.endpoint_url}; stop it with: cosmic-fmi local stop")
    return 0


def _stop(options: argparse.Namespace) -> int:
    with loading():
        from cosmic_fmi.localcloud.client import EmbeddedAWS

    stopped = EmbeddedAWS(options.state_dir, Path()).stop()
    print("localcloud stopped" if stopped else "localcloud was not running")
    return 0


def _status(options: argparse.Namespace) -> int:
    with loading():
        from cosmic_fmi.localcloud.client import EmbeddedAWS

    cloud = EmbeddedAWS.attach(options.state_dir)
    if cloud is None:
        print("localcloud is not running", file=sys.stderr)
        return 1
    if options.env:
        print("\n".join(f"export {name}={value}" for name, value in cloud.environment().items()))
    else:
        print(f"localcloud runs at {cloud.endpoint_url} (instance {cloud.instance_id})")
        print(json.dumps(cloud.admin("status"), indent=2))
    return 0


def _logs(options: argparse.Namespace) -> int:
    if not (options.state_dir / LOG_FILE).exists():
        print(f"no log in {options.state_dir}", file=sys.stderr)
        return 1
    with loading():
        from cosmic_fmi.localcloud.client import EmbeddedAWS

    try:
        print(EmbeddedAWS(options.state_dir, Path()).log_tail(options.lines), flush=True)
    except BrokenPipeError:  # whoever read this has what they wanted, as `| head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
    return 0
