"""What larger work would take and cost on AWS, with the functions that an account may run at once.

Everything here is predicted; what others measured stands beside it and is marked so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import memory_size, new_parser, positive
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.common.lambda_limits import LARGEST_MB
from cosmic_fmi.experiment.report.workloads import DEFAULT_LIMITS, MOST_GB, WORKLOADS_GB

EXAMPLES = """\
examples:
  cosmic-fmi simulate                         12.6 GB and 1 TB, from the published figures
  cosmic-fmi simulate results/sweep           from the runs of this experiment
  cosmic-fmi simulate results/sweep --gigabytes 50 --concurrency 200 --memory 4096
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi simulate`."""
    made = new_parser("simulate", __doc__, EXAMPLES)
    made.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="results to predict from")
    made.add_argument(
        "--gigabytes",
        type=float,
        nargs="+",
        default=list(WORKLOADS_GB),
        metavar="GB",
        help="default: 12.6 1000",
    )
    made.add_argument(
        "--concurrency",
        type=positive,
        nargs="+",
        default=list(DEFAULT_LIMITS),
        metavar="N",
        help="functions that the account may run at once (default: 10 1000)",
    )
    made.add_argument("--partition-mb", type=positive, default=25, metavar="MB", help="default: 25")
    made.add_argument(
        "--memory", type=memory_size, default=LARGEST_MB, metavar="MB", help="default: %(default)s"
    )
    made.add_argument("--batch-size", type=positive, default=512, metavar="N", help="default: 512")
    made.add_argument("--region", default="us-east-1", help="whose prices to take (default: us-east-1)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Print the simulation; returns the exit status."""
    made = parser()
    arguments = made.parse_args(argv)
    if not all(0 < gigabytes <= MOST_GB for gigabytes in arguments.gigabytes):
        made.error(f"--gigabytes has to be above 0 and at most {MOST_GB:,}, an exabyte")
    with loading():
        from cosmic_fmi.experiment.report.simulation import Work, show
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        works = [
            Work(gigabytes, arguments.partition_mb, arguments.memory, arguments.batch_size)
            for gigabytes in arguments.gigabytes
        ]
        show(works, arguments.concurrency, arguments.folder, arguments.region, reporter)
        return 0

    return guarded(work, reporter)
