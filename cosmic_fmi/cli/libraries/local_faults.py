"""`cosmic-fmi local fault`: what only time brings on AWS, on the embedded AWS that runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cosmic_fmi.cli.loading import loading

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.client import EmbeddedAWS

_EXAMPLE = """\
example:
  cosmic-fmi local fault                                # every fault, and which are on
  cosmic-fmi local fault set s3-slowdown=0.2 task-start # without a value: the usual one
  cosmic-fmi run --world-size 4
  cosmic-fmi local fault clear                          # or with names
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the subcommand; its parser."""
    made: argparse.ArgumentParser = commands.add_parser(
        "fault",
        help="list, set and clear faults that only time brings on AWS",
        description="List, set and clear faults of the embedded AWS that runs.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "action", nargs="?", choices=("list", "set", "clear"), default="list", help="default: list"
    )
    made.add_argument(
        "faults", nargs="*", metavar="NAME[=VALUE]", help="which; without any, clear means all of them"
    )
    return made


def run(options: argparse.Namespace) -> int:
    """Do it; 0, 1 when no embedded AWS runs, 2 for faults that there are not."""
    with loading():
        from cosmic_fmi.localcloud.client import EmbeddedAWS
        from cosmic_fmi.localcloud.faults.switches import UnknownFaultError, parse

    cloud = EmbeddedAWS.attach(options.state_dir)
    if cloud is None:
        print("localcloud is not running; start it with: cosmic-fmi local start --detach", file=sys.stderr)
        return 1
    try:
        if options.action == "set":
            cloud.admin("set-faults", faults=parse(options.faults))
        elif options.action == "clear":
            cloud.admin("clear-faults", names=options.faults)
    except (UnknownFaultError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    _show(cloud)
    return 0


def _show(cloud: EmbeddedAWS) -> None:
    for each in cloud.admin("faults")["faults"]:
        value = "off" if each["value"] is None else f"{each['value']:g}"
        usual = f"{each['usual']:g} {each['unit']}" if each["unit"] != "on" else "on"
        print(f"  {each['name']:<17} {value:<5} {each['summary']} (usually {usual})")
