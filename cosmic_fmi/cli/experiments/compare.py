"""Two sweeps beside each other, setting by setting: what changed, and whether by more than chance.

Only settings that both have are compared. A difference counts as beyond noise when the exact Mann-Whitney
test (1947) gives less than 5 % for it, after Holm's correction for as many settings as are compared. That
takes runs: four of each for one setting, five for up to six. The line over all settings needs fewer.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading

EXAMPLE = "example: cosmic-fmi compare results/before results/after"


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi compare`."""
    made = new_parser("compare", __doc__, EXAMPLE)
    made.add_argument("a", type=Path, metavar="A", help="results folder to compare with")
    made.add_argument("b", type=Path, metavar="B", help="results folder to compare")
    made.add_argument("--output", type=Path, metavar="DIR", help="default: results/<A>-against-<B>")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two results folders; prints the tables and writes a page with pictures."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.report.compare import compare_folders
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        compare_folders((arguments.a, arguments.b), arguments.output, reporter)
        return 0

    return guarded(work, reporter)
