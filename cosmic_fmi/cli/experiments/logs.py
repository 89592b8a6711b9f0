"""Collect what past executions left: times, REPORT lines, results, cost, and what every rank printed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.cli.arguments import new_parser, positive
from cosmic_fmi.cli.loading import loading

if TYPE_CHECKING:
    from cosmic_fmi.experiment.targets.base import Target
    from cosmic_fmi.experiment.ui.console import Reporter

EXAMPLES = """\
examples:
  cosmic-fmi logs                                   the latest execution on the embedded AWS
  cosmic-fmi logs --target aws --latest 5 --output results/yesterday
  cosmic-fmi logs --execution w4-b512-1-20261121T100000-a1b2c3 arn:aws:states:...:execution:cosmic-world:mine
  cosmic-fmi logs --list

It writes the same files as cosmic-fmi run (docs/experiments.md), and logs/<run>/<rank>.log.
exit status: 0 every REPORT line was found, 1 something is missing, 2 bad arguments, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi logs`."""
    made = new_parser("logs", __doc__, EXAMPLES)
    made.add_argument("--target", choices=("local", "aws"), default="local", help="default: local")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--execution", nargs="+", default=[], metavar="NAME", help="names or ARNs")
    which.add_argument("--latest", type=positive, default=1, metavar="K", help="the last K (default: 1)")
    made.add_argument("--list", action="store_true", help="only say which executions there are")
    made.add_argument("--output", type=Path, metavar="DIR", help="default: results/logs-<date>-<time>")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.targets.aws import AwsTarget
        from cosmic_fmi.experiment.targets.local import LocalTarget
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()
    target: Target = LocalTarget() if arguments.target == "local" else AwsTarget()
    return guarded(lambda: _collect(arguments, target, reporter), reporter)


def _collect(arguments: argparse.Namespace, target: Target, reporter: Reporter) -> int:
    from cosmic_fmi.experiment.errors import TargetError
    from cosmic_fmi.experiment.execution.past_executions import collect_past, execution_names
    from cosmic_fmi.experiment.targets.local import LocalTarget
    from cosmic_fmi.experiment.ui.tables import runs_table

    if isinstance(target, LocalTarget) and not target.running:
        raise TargetError(
            "the embedded AWS is not running, and it forgets its executions when it stops: what a run "
            "collected of them is below results/"
        )
    deployment = target.prepare(reporter)
    if arguments.list:
        for name in execution_names(target, deployment, [], 1000):
            reporter.message(name)
        return 0
    names = execution_names(target, deployment, arguments.execution, arguments.latest)
    output = arguments.output or Path("results") / f"logs-{datetime.now():%Y%m%d-%H%M%S}"
    records = collect_past(target, names, deployment, output, reporter)
    rows = [record.row for record in records]
    reporter.show(runs_table(rows, reporter.console.width))
    for row in rows:
        reporter.message(
            f"{row['run_id']}: {row['reports_found']} of {row['reports_expected']} REPORT lines found, "
            f"{row['cold_starts']} cold and {row['warm_starts']} warm starts, ${row['cost_usd']:.6f}"
        )
    reporter.message(f"Written: {output}", "bold")
    return 0 if all(row["reports_found"] == row["reports_expected"] for row in rows) else 1
