"""From the first word of a command line to the command that it names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from cosmic_fmi.cli.catalogue import GROUPS, modules, spellings
from cosmic_fmi.cli.loading import loading

USAGE_ERROR = 2


def dispatch(argv: Sequence[str]) -> int:
    """Run the command that the first word names with the others as its arguments; returns the exit status."""
    name = argv[0] if argv else None
    if name is None:
        print(help_text(), file=sys.stderr)
        return USAGE_ERROR
    if name not in modules():
        return _without_command(argv)
    with loading():
        command = import_module(modules()[name])
    status: int = command.main(list(argv[1:]))
    return status


def _without_command(argv: Sequence[str]) -> int:
    """``--help``, ``--version``, or a mistake."""
    made = argparse.ArgumentParser(prog="cosmic-fmi", add_help=False, allow_abbrev=False)
    made.add_argument("-h", "--help", action="store_true")
    made.add_argument("--version", action="store_true")
    made.add_argument("command", nargs="?")
    arguments, _ = made.parse_known_args(argv)
    if arguments.help:
        print(help_text())
        return 0
    if arguments.version:
        print(f"cosmic-fmi {_version()}")
        return 0
    print(f"cosmic-fmi: {_unknown(argv[0])} `cosmic-fmi --help` lists the commands.", file=sys.stderr)
    return USAGE_ERROR


def help_text() -> str:
    """Every command in its group, and an example a group."""
    lines = [
        "usage: cosmic-fmi COMMAND [options]",
        "",
        "Cheap scientific computing on serverless functions that talk to each other.",
    ]
    for group in GROUPS:
        lines += ["", f"{group.title}:"]
        lines += [f"  {command.name:10} {command.summary}" for command in group.commands]
        lines.append(f"  example:   {group.example}")
    lines += ["", "`cosmic-fmi COMMAND --help` explains a command, `cosmic-fmi --version` names the version."]
    return "\n".join(lines)


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"there is no option {word} before a command."
    from difflib import get_close_matches

    known = dict(spellings())
    nearest = get_close_matches(word.lower(), known, n=1)
    return f"there is no command {word!r}" + (f"; did you mean {known[nearest[0]]!r}?" if nearest else ".")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("cosmic-fmi")
    except PackageNotFoundError:
        return "(not installed)"
