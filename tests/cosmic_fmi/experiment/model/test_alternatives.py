from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosmic_fmi.cli.experiments import bill
from cosmic_fmi.experiment.cost.bill import Line
from cosmic_fmi.experiment.cost.prices import RENDEZVOUS_IDLE_S, load_prices
from cosmic_fmi.experiment.model.alternatives import course, ec2, month
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.results.folder import Summary
from tests.cosmic_fmi.experiment.support import rows


@pytest.mark.parametrize(
    ("world", "memory", "vcpus"),
    [(1, 1769, 2), (2, 3538, 4), (4, 10_240, 36), (16, 10_240, 96), (50, 10_240, 290), (1, 128, 2)],
)
def test_machines_have_as_many_processors_as_the_functions_had(world: int, memory: int, vcpus: int) -> None:
    line = ec2(rows.row(world_size=world, memory_mb=memory, map_s=9.0), load_prices())
    assert f"with {vcpus} vCPUs" in line.what
    assert line.amount_usd == pytest.approx(vcpus * 69.0 / 3600 * 0.0425)


@pytest.mark.parametrize(
    ("megabytes", "requests", "cost"),
    [(25.0, 517, "0.16"), (50.0, 259, "0.20"), (75.0, 173, "0.30"), (100.0, 130, "0.38")],
)
def test_the_papers_own_costs_come_out(megabytes: float, requests: int, cost: str) -> None:
    line = course(rows.row(partition_mb=megabytes, files=requests))
    assert line is not None
    assert f"{line.amount_usd:.2f}" == cost


def test_sizes_that_the_course_did_not_measure_have_no_figure() -> None:
    assert course(rows.row(partition_mb=1.6, files=16)) is None
    assert course(rows.row(partition_mb=None, files=None)) is None


def test_an_idle_deployment_costs_its_images_and_little_else() -> None:
    prices = load_prices()
    on_demand = month(prices, on_demand=True, image_gb=1.5, stored_gb=2.0, zone=False)
    assert sum(line.amount_usd for line in on_demand) == pytest.approx(1.5 * 0.1 + 2 * 0.023)
    always = month(prices, on_demand=False, image_gb=1.5, stored_gb=2.0, zone=True)
    more = sum(line.amount_usd for line in always) - sum(line.amount_usd for line in on_demand)
    assert more == pytest.approx(730 * prices.rendezvous_hour + 0.5)


def test_the_idle_time_is_that_of_the_deployment() -> None:
    text = (REPOSITORY / "terraform" / "variables.tf").read_text()
    found = re.search(r'variable "rendezvous_idle_s" \{.*?default\s*=\s*(\d+)', text, re.DOTALL)
    assert found is not None
    assert int(found[1]) == RENDEZVOUS_IDLE_S


def test_a_bill_shows_quantity_price_and_amount(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [Line("lambda_requests", "invocations", 5, "request", 2e-7).row()]
    summary = Summary(tmp_path)
    summary.add(rows.record("cheap", cost_usd=1e-7))
    summary.add(rows.record("dear", cost_lines=lines, cost_usd=1e-6))
    assert bill.main([str(tmp_path)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "dear at the prices of us-east-1" in text
    assert "invocations 5 request 0.0000002 0.00000100" in text
    assert "total 0.00000100" in text
    assert "$12.66 a month" in text


def test_a_run_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Summary(tmp_path).add(rows.record("one"))
    assert bill.main([str(tmp_path), "two"]) == 1
    assert "no run 'two'; there are one" in " ".join(capsys.readouterr().out.split())
