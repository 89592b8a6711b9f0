"""The pages on experiments and cost name everything that there is, and nothing else."""

from __future__ import annotations

import re

import pytest

from cosmic_fmi.cli.experiments import run as run_experiment
from cosmic_fmi.experiment.cost.bill import ITEMS
from cosmic_fmi.experiment.cost.prices import load_prices, read_table
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.plan.plan import AXES
from cosmic_fmi.experiment.schema import PHASES, RANK_COLUMNS, ROW_KEYS

EXPERIMENTS = (REPOSITORY / "docs" / "experiments.md").read_text()
COST = (REPOSITORY / "docs" / "cost.md").read_text()


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    below = page.split(f"{heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert lines is not None
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[0].splitlines()[2:]]


def test_every_key_of_a_run_is_explained_with_its_unit() -> None:
    table = rows_of(EXPERIMENTS, "### summary.json and runs.csv")
    assert [row[0] for row in table] == [f"`{key}`" for key in ROW_KEYS]
    assert all(row[2] for row in table)
    for name in PHASES:
        assert f"`{name}`" in EXPERIMENTS


def test_every_column_of_a_rank_is_explained() -> None:
    table = rows_of(EXPERIMENTS, "### ranks.csv")
    expected = [", ".join(f"`{name.strip()}`" for name in names.split(",")) for names in RANK_COLUMNS]
    assert [row[0] for row in table] == expected
    assert [row[1] for row in table] == list(RANK_COLUMNS.values())


def test_every_option_and_key_of_a_sweep_is_explained() -> None:
    options = {option for action in run_experiment.parser()._actions for option in action.option_strings}
    for option in options - {"-h", "--help", "--containers", "--script", "--target"}:
        assert option in EXPERIMENTS, option
    for axis in AXES:
        assert f"`{axis}`" in EXPERIMENTS


def test_every_line_of_a_bill_is_explained() -> None:
    assert [row[0] for row in rows_of(COST, "## The lines")] == [f"`{item}`" for item in ITEMS]


@pytest.mark.parametrize("region", list(read_table()["regions"]))
def test_every_region_is_named(region: str) -> None:
    assert region in COST


def test_figures_are_those_of_the_price_table() -> None:
    hour = load_prices().rendezvous_hour
    assert f"${730 * hour:.2f} a month" in COST
    assert f"(${hour / 4:.4f})" in COST
