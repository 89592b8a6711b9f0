"""Try message passing on a world of processes; `python -m fmi` is the same."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from fmi.cli import main as cli

COMMAND = "cosmic-fmi fmi"


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi fmi`."""
    return cli.parser(COMMAND)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a program of `fmi`; returns the exit status."""
    return cli.main(argv, COMMAND)
