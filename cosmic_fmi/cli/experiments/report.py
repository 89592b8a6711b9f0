"""Write the report of an experiment anew, for example with the simulation of larger work."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser, positive
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.experiment.report.workloads import DEFAULT_LIMITS

EXAMPLE = "example: cosmic-fmi report results/sweep --simulate 10 1000"


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi report`."""
    made = new_parser("report", __doc__, EXAMPLE)
    made.add_argument("folder", type=Path, metavar="DIR", help="an experiment's output folder")
    made.add_argument(
        "--simulate",
        type=positive,
        nargs="*",
        metavar="N",
        help="add what 12.6 GB and 1 TB would take with N functions at once (default: 10 and 1000)",
    )
    made.add_argument(
        "--region",
        help="whose prices the simulation takes (default: those that the runs were made in, as all else has)",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report of a results folder anew; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.report.report import prices_for, write_report
        from cosmic_fmi.experiment.results.reading import open_results
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()
    limits = () if arguments.simulate is None else tuple(arguments.simulate) or DEFAULT_LIMITS

    def work() -> int:
        summary = open_results(arguments.folder)
        with reporter.step("Writing the report"):
            path = write_report(summary, prices_for(summary.rows, arguments.region), limits)
        reporter.message(f"Report: {path}", "bold")
        return 0

    return guarded(work, reporter)
