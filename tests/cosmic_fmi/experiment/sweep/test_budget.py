"""What may be spent: plans above the budget, dear surprises, a region without prices, dry runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import BudgetError, PriceError
from cosmic_fmi.experiment.sweep.session import dry_run, run
from tests.cosmic_fmi.experiment.support.executions import options, report, succeeded
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, FakeTarget, quiet


def test_a_plan_above_the_budget_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    with pytest.raises(BudgetError, match="--yes"):
        run(target, options(tmp_path, budget_usd=1e-9), quiet())
    assert target.fakes.stepfunctions.started == []
    assert target.fakes.functions.updates == []


def test_whoever_agrees_may_spend_it(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    target.fakes.stepfunctions.states = [succeeded()]
    asked: list[str] = []

    def yes(question: str) -> str:
        asked.append(question)
        return "y"

    assert run(target, options(tmp_path, repetitions=1, budget_usd=1e-9, ask=yes), quiet())
    assert len(asked) == 1
    target.fakes.stepfunctions.states = []
    with pytest.raises(BudgetError, match="did not agree"):
        run(
            target,
            replace(options(tmp_path, budget_usd=1e-9, ask=lambda _: ""), output=tmp_path / "b"),
            quiet(),
        )


def test_a_sweep_that_costs_more_than_predicted_stops_at_the_budget(
    tmp_path: Path, target: FakeTarget
) -> None:
    target.name = "aws"
    target.fakes.s3.put_json("executions/x/outcomes/0.json", {"rank": 0})
    # What was billed is found in the logs: far more than the forecast.
    dear = report("req-i", "d") | {
        "message": report("req-i", "d")["message"].replace("1100 ms", "6000000 ms")
    }
    target.fakes.logs.events["/i"] = [dear]
    target.fakes.stepfunctions.states = [succeeded(), succeeded()]
    with pytest.raises(BudgetError, match="--resume"):
        run(target, options(tmp_path, budget_usd=0.05), quiet())
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(rows) == 1
    assert rows[0]["cost_usd"] > 0.05


def test_a_region_without_prices_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    target.deployment = replace(DEPLOYMENT, region="xx-nowhere-1")
    with pytest.raises(PriceError, match=r"xx-nowhere-1.*cosmic-fmi prices"):
        run(target, options(tmp_path), quiet())
    assert target.fakes.stepfunctions.started == []
    assert target.released == [True]


def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    reporter = quiet()
    made = dry_run(target, options(tmp_path, memory_mb=1024), reporter)
    text = reporter.console.export_text()
    assert "mine-m1024-1" in text
    assert "2 runs" in text
    assert made.cost_usd > 0
    assert (made.seconds or 0.0) > 0.0
    assert target.fakes.stepfunctions.started == []
    assert not (tmp_path / "out").exists()
