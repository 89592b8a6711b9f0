from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmic_fmi.experiment.cost.prices import PRICES, UNITS, load_prices, read_table
from cosmic_fmi.experiment.errors import PriceError


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
@pytest.mark.parametrize("region", list(read_table()["regions"]))
def test_every_region_has_every_price_for_both_architectures(region: str, architecture: str) -> None:
    prices = load_prices(region, architecture)
    assert prices.region == region
    assert all(0 < getattr(prices, name) < 1 for name in UNITS)


def test_prices_know_the_architecture() -> None:
    assert load_prices("us-east-1", "x86_64").lambda_gb_second == 0.0000166667
    assert load_prices("us-east-1", "arm64").lambda_gb_second == 0.0000133334


def test_an_unknown_region_is_one_sentence_that_says_what_to_run() -> None:
    with pytest.raises(PriceError, match=r"cosmic-fmi prices --region eu-nowhere-1") as caught:
        load_prices("eu-nowhere-1")
    assert "us-east-1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_price_is_named(tmp_path: Path) -> None:
    table = json.loads(PRICES.read_text())
    del table["regions"]["us-east-1"]["fargate_gb_hour"]["arm64"]
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(table))
    with pytest.raises(PriceError, match="fargate_gb_hour for arm64 in us-east-1"):
        load_prices("us-east-1", "arm64", file)
    assert load_prices("us-east-1", "x86_64", file)


@pytest.mark.parametrize("content", ["{", "[]", '{"regions": []}', '{"regions": {}}'])
def test_a_damaged_table_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(content)
    with pytest.raises(PriceError, match="git"):
        load_prices("us-east-1", "x86_64", file)
