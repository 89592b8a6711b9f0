from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.plan.inputs import Data, Input
from cosmic_fmi.experiment.plan.plan import Plan, RunSpec, Setting
from cosmic_fmi.experiment.schema import RunRow
from cosmic_fmi.experiment.sweep.budget import plan_line, plan_table
from cosmic_fmi.experiment.sweep.forecast import Forecast, forecast, model_of
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.fakes import Pages
from tests.cosmic_fmi.experiment.support.sweeps import sweep

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


def predicted(specs: list[RunSpec], cores: int | None = None) -> Forecast:
    data = Input().data([spec.setting for spec in specs], None)
    return forecast(specs, data, published(), load_prices(), default_memory_mb=3008, cores=cores)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5, unique=True), st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_a_plan_costs_the_sum_of_its_runs(worlds: list[int], repetitions: int) -> None:
    plan = Plan(tuple(Setting(world_size=world, batch_size=512) for world in worlds), repetitions)
    made = predicted(plan.runs())
    assert [spec for spec, _ in made.runs] == plan.runs()
    assert made.seconds == pytest.approx(sum(item.seconds for _, item in made.runs))
    assert made.cost_usd == pytest.approx(sum(item.cost_usd for _, item in made.runs) + made.idle_usd)
    assert (made.idle_usd > 0) == (max(worlds) > 1)


def test_only_the_first_run_of_a_memory_size_and_larger_ones_are_cold() -> None:
    specs = [RunSpec(world, memory_mb=memory) for memory in (1024, 2048) for world in (4, 2, 8, 8)]
    assert [item.settings.cold for _, item in predicted(specs).runs] == [True, False, True, False] * 2


def test_here_the_cores_are_shared_and_the_cost_is_that_of_aws() -> None:
    specs = [RunSpec(world_size=16, batch_size=512)]
    data = Input().data([spec.setting for spec in specs], None)
    model = fitted(*sweep(worlds=(1, 2, 4, 8)))

    def with_cores(cores: int | None) -> Forecast:
        return forecast(specs, data, model, load_prices(), default_memory_mb=3008, cores=cores)

    on_aws, here = with_cores(None), with_cores(2)
    assert here.cost_usd == on_aws.cost_usd
    assert (here.seconds or 0.0) > (on_aws.seconds or 0.0) > 0.0


def test_published_figures_say_nothing_about_the_time_on_this_machine() -> None:
    specs = [RunSpec(world_size=16, batch_size=512)]
    on_aws, here = predicted(specs), predicted(specs, cores=2)
    assert here.cost_usd == on_aws.cost_usd
    assert here.seconds is None
    assert "unknown until some have run on this machine; $" in plan_line(here)


def of_program(past: list[RunRow]) -> Forecast:
    """What is predicted of a program of one's own, a world of 4."""
    spec = RunSpec(world_size=4, source="pi")
    data = {spec.setting: Data(0, None, 0)}
    return forecast([spec], data, published(), load_prices(), default_memory_mb=3008, program=past)


def test_a_program_that_never_ran_may_run_to_the_limit() -> None:
    """A sleep of 90 s was predicted to take 4 s, give or take 13 %."""
    made = of_program([])
    assert made.is_limit
    assert made.seconds is None
    assert made.cost_usd > 4 * 900 * 3008 / 1024 * 0.0000166667
    assert "unknown until the program has run once: at most $" in plan_line(made)
    table = Console(width=200, record=True, file=io.StringIO())
    table.print(plan_table(made))
    assert "at most 0.1" in table.export_text()


def test_a_program_that_ran_will_take_as_long_again() -> None:
    past = [
        rows.row("pi-w1-1", world_size=1, duration_s=300.0, map_s=299.0, source="pi"),
        rows.row("pi-w4-1", world_size=4, duration_s=91.0, map_s=90.0, source="pi"),
    ]
    made = of_program(past)
    assert not made.is_limit
    assert made.seconds == 91.0
    assert made.cost_usd == pytest.approx(4 * 90 * 3008 / 1024 * 0.0000166667, rel=0.4)
    assert "about 1 min 31 s" in plan_line(made)
    assert "earlier runs of the program" in plan_line(made)


@pytest.mark.parametrize("data", [None, Data(0, 0, 0)], ids=["no answer", "an empty prefix"])
def test_what_cannot_be_known_is_said(data: Data | None) -> None:
    spec = RunSpec(world_size=4)
    made = forecast([spec], {spec.setting: data}, published(), load_prices(), default_memory_mb=3008)
    assert made.unknown_data
    assert "size is not known" in plan_line(made)


def test_files_and_sizes_decide_what_a_run_of_the_sample_reads() -> None:
    some = [Setting(world_size=2), Setting(world_size=2, files=4), Setting(world_size=2, partition_mb=5.0)]
    data = Input().data(some, None)
    assert data[some[0]] == Data(1253, 16, 1253 * 20_500)
    assert data[some[1]] == Data(313, 4, 313 * 20_500)
    assert data[some[2]] == Data(1253, 6, 1253 * 20_500)


PAYLOAD = {"bucket": "b", "S3_object_name": "x", "object_type": "folder", "script": "/tmp/x/a.py"}


class Listing:
    """A bucket of 500 partitions."""

    def get_paginator(self, _: str) -> Pages:
        return Pages(lambda **_: {"Contents": [{"Size": 25_000_000}] * 500})


@pytest.mark.parametrize("prefix", [None, "25MB"])
def test_a_payload_may_say_the_world_and_the_batch_itself(tmp_path: Path, prefix: str | None) -> None:
    """Settings of the sweep and a payload's own, which are texts, come to the same."""
    payload = tmp_path / "mine.json"
    base = PAYLOAD | ({"data_prefix": prefix} if prefix else {})

    def forecast_of(content: dict[str, str], setting: Setting) -> Forecast:
        payload.write_text(json.dumps(content))
        source = Input(payload=payload)
        runs = Plan((setting,), source=source.source).runs()
        data = source.data([setting], cast("S3Client", Listing()))
        return forecast(runs, data, published(), load_prices(), default_memory_mb=3008)

    by_payload = forecast_of(base | {"world_size": "10", "batch_size": "32"}, Setting())
    by_setting = forecast_of(base, Setting(world_size=10, batch_size=32))
    assert by_payload.cost_usd == by_setting.cost_usd
    assert by_payload.seconds == by_setting.seconds
    assert forecast_of(base | {"file_limit": "many"}, Setting()).cost_usd > 0  # Initialize refuses it


def test_own_runs_are_believed_before_published_ones() -> None:
    made, ranks = sweep(worlds=(1, 2, 4, 8))
    assert "4 runs on AWS" in model_of(made, ranks, "aws").source
    assert model_of(made, ranks, "local") is published()
    assert model_of([], [], "aws") is published()
