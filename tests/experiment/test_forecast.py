from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.budget import plan_line
from experiment.forecast import Forecast, forecast, model_of
from experiment.inputs import Data, Input
from experiment.observations import published
from experiment.plan import Plan, RunSpec, Setting
from experiment.prices import load_prices
from tests.experiment.sweeps import sweep


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
    on_aws, here = predicted(specs), predicted(specs, cores=2)
    assert here.cost_usd == on_aws.cost_usd
    assert here.seconds > on_aws.seconds


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


def test_own_runs_are_believed_before_published_ones() -> None:
    rows, ranks = sweep(worlds=(1, 2, 4, 8))
    assert "4 runs on AWS" in model_of(rows, ranks, "aws").source
    assert model_of(rows, ranks, "local") is published()
    assert model_of([], [], "aws") is published()
