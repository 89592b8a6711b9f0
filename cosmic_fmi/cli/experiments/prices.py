"""Write the table of prices anew from the AWS Pricing API, and say what changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.experiment.cost.prices import PRICES

EXAMPLES = """\
examples:
  cosmic-fmi prices                        every region that the table has
  cosmic-fmi prices --region ap-south-1    one more region

It needs AWS credentials that may call pricing:GetProducts, which costs nothing. A price that the API does not
have, or has twice, is an error, and the file stays as it is.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi prices`."""
    made = new_parser("prices", __doc__, EXAMPLES)
    made.add_argument("--region", nargs="+", metavar="REGION", help="default: all that the table has")
    made.add_argument(
        "--file", type=Path, default=PRICES, help="default: the one that costs are computed with"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.cost.price_refresh import refresh
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        refresh(arguments.file, arguments.region, reporter)
        return 0

    return guarded(work, reporter)
