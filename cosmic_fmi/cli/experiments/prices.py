"""Write experiment/prices.json anew from the AWS Pricing API, and say what changed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from experiment.command import guarded
from experiment.console import Reporter
from experiment.price_list import API_REGION, region_prices
from experiment.prices import PRICES, UNITS, read_table
from inference.files import write_atomically

EXAMPLES = """\
examples:
  refresh_prices.py                        every region that the table has
  refresh_prices.py --region ap-south-1    one more region

It needs AWS credentials that may call pricing:GetProducts, which costs nothing. A price that the API does not
have, or has twice, is an error, and the file stays as it is.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    made = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--region", nargs="+", metavar="REGION", help="default: all that the table has")
    made.add_argument("--file", type=Path, default=PRICES, help="default: experiment/prices.json")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    reporter = Reporter()

    def work() -> int:
        refresh(arguments.file, arguments.region, reporter)
        return 0

    return guarded(work, reporter)


def refresh(file: Path, regions: Sequence[str] | None, reporter: Reporter) -> None:
    """Write the prices of these regions into ``file``; it is written only when all of them are known."""
    table = read_table(file)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    found: dict[str, Any] = {}
    with closing(boto3.client("pricing", region_name=API_REGION)) as client:
        for region in regions or table["regions"]:
            with reporter.step(f"Prices of {region}"):
                found[region] = {"as_of": today, **region_prices(client, region)}
    for region, prices in found.items():
        before = table["regions"].get(region, {})
        for name in UNITS:
            if prices[name] != before.get(name):
                reporter.say(f"{region} {name}: {before.get(name)} -> {prices[name]}")
    made = {**table, "regions": {**table["regions"], **found}}
    write_atomically(file, (json.dumps(made, indent=2) + "\n").encode())
    reporter.say(f"Wrote {file}.")
