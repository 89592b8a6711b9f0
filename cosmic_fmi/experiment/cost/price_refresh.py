"""The table of prices, written anew from the AWS Pricing API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.cost.price_list import API_REGION, region_prices
from cosmic_fmi.experiment.cost.prices import UNITS, read_table
from cosmic_fmi.experiment.ui.console import Reporter


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
                reporter.message(f"{region} {name}: {before.get(name)} -> {prices[name]}")
    made = {**table, "regions": {**table["regions"], **found}}
    write_atomically(file, (json.dumps(made, indent=2) + "\n").encode())
    reporter.message(f"Wrote {file}.")
