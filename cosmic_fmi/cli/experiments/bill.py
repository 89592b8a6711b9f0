"""Each line of what a run costs, and the same work elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading

EXAMPLES = """\
examples:
  cosmic-fmi bill results/sweep                 the run that cost most
  cosmic-fmi bill results/sweep w4-b512-1       this one

docs/cost.md explains each line.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi bill`."""
    made = new_parser("bill", __doc__, EXAMPLES)
    made.add_argument("folder", type=Path, metavar="DIR", help="an experiment's output")
    made.add_argument("run", nargs="?", metavar="RUN", help="its run_id")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.report.bill import chosen, show
        from cosmic_fmi.experiment.results.reading import open_results
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        show(chosen(open_results(arguments.folder).rows, arguments.run), reporter)
        return 0

    return guarded(work, reporter)
