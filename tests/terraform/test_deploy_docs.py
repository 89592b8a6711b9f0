"""docs/deploy.md says what prices.json says, and docs and examples set variables that exist."""

from __future__ import annotations

import re
from pathlib import Path

import hcl2
import pytest

from cosmic_fmi.experiment.cost.prices import HOURS_A_MONTH, load_prices
from scripts.terraform_docs import ROOT, Module
from tests.terraform.test_examples import EXAMPLES

PAGE = (ROOT.parent / "docs" / "deploy.md").read_text()


def test_every_price_is_the_one_in_the_table() -> None:
    prices = load_prices()
    rank = 900 * (3008 / 1024 * prices.lambda_gb_second)
    written = [
        f"as of {prices.as_of}",
        f"| {prices.rendezvous_hour:.4f} an hour |",
        f"a quarter of a processor {prices.fargate_vcpu_hour / 4:.4f}, half a GB "
        f"{prices.fargate_gb_hour / 2:.4f}, public address {prices.public_ipv4_hour:.3f} |",
        f"| {prices.rendezvous_hour / 4:.4f} for the server's quarter of an hour",
        f"| {prices.rendezvous_hour * HOURS_A_MONTH:.2f} a month |",
        f"| {prices.ecr_gb_month:.2f} a GB and month |",
        f"| {prices.s3_gb_month:.3f} a GB and month |",
        f"| {prices.route53_zone_month:.2f} a month |",
        f"| {prices.logs_ingested_gb:.2f} a GB |",
        f"| {rank:.3f} | so a world of 32 that hangs: {32 * rank:.2f} |",
    ]
    assert [text for text in written if text not in PAGE] == []


def test_every_variable_that_the_page_sets_exists() -> None:
    named = set(re.findall(r"`(\w+) = ", PAGE))
    assert len(named) > 3
    assert named <= {name for name, _ in Module(ROOT).named("variable")}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.stem)
def test_every_variable_of_an_example_exists(file: Path) -> None:
    # Terraform only warns of one that does not.
    with file.open() as text:
        named = {name for name in hcl2.load(text) if not name.startswith("__")}
    assert named <= {name for name, _ in Module(ROOT).named("variable")}
