from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.execution.runner import new_execution_id
from cosmic_fmi.experiment.plan.plan import AXES, Grid, Plan, RunSpec, Setting, check_names, remaining

VALUES = {
    "world_size": st.integers(1, 500),
    "batch_size": st.integers(1, 2048),
    "memory_mb": st.integers(128, 10_240),
    "partition_mb": st.sampled_from([0.5, 1.0, 25.0, 100.0]),
    "files": st.integers(1, 1000),
}
GRIDS = st.fixed_dictionaries(
    {},
    optional={axis: st.lists(values, min_size=1, max_size=4).map(tuple) for axis, values in VALUES.items()},
).map(Grid)
PLANS = st.builds(
    lambda grid, repetitions, warm_up, seed: Plan(tuple(grid.settings()), repetitions, warm_up, seed),
    GRIDS,
    st.integers(1, 3),
    st.integers(0, 2),
    st.none() | st.integers(0, 99),
)


@given(GRIDS)
@settings(deadline=None)
def test_a_grid_has_every_combination_once(grid: Grid) -> None:
    made = grid.settings()
    expected = 1
    for values in grid.axes.values():
        expected *= len(set(values))
    assert len(made) == len(set(made)) == expected
    for axis in AXES:
        assert {getattr(setting, axis) for setting in made} == set(grid.axes.get(axis, (None,)))


def test_settings_beside_a_grid_come_after_it_and_once() -> None:
    extra = (Setting(world_size=50, memory_mb=10_240), Setting(world_size=2))
    made = Grid({"world_size": (2, 4)}, extra).settings()
    assert [setting.world_size for setting in made] == [2, 4, 50]
    assert Grid(extra=extra).settings() == list(extra)


@given(PLANS)
@settings(deadline=None)
def test_a_plan_makes_every_setting_as_often_as_asked_whatever_its_order(plan: Plan) -> None:
    runs = plan.runs()
    measured = [run for run in runs if not run.warm_up]
    assert Counter(run.setting for run in measured) == dict.fromkeys(plan.settings, plan.repetitions)
    assert len({run.run_id for run in runs}) == len(runs)
    assert runs == plan.runs()  # the seed is all there is to it
    assert {run.run_id for run in runs} == {
        run.run_id for run in Plan(plan.settings, plan.repetitions, plan.warm_up).runs()
    }
    # Repetitions are whole: no setting is made again before every other had its turn.
    size = len(plan.settings)
    for repetition in range(plan.repetitions):
        block = measured[repetition * size : (repetition + 1) * size]
        assert {run.repetition for run in block} == {repetition + 1}


@given(PLANS)
@settings(deadline=None)
def test_memory_changes_once_a_memory_size_and_repetition_and_warm_ups_come_first(plan: Plan) -> None:
    runs = plan.runs()
    memories = len({setting.memory_mb for setting in plan.settings})
    changes = sum(one.memory_mb != other.memory_mb for one, other in pairwise(runs))
    assert changes <= memories * plan.repetitions - 1
    assert sum(run.warm_up for run in runs) == memories * plan.repetitions * plan.warm_up
    for index, run in enumerate(runs):
        if run.warm_up:
            after = next(other for other in runs[index:] if not other.warm_up)
            assert after.memory_mb == run.memory_mb
            group = [item for item in plan.settings if item.memory_mb == run.memory_mb]
            assert run.world_size == max(item.world_size or 0 for item in group) or run.world_size is None


@given(PLANS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_resuming_makes_what_is_missing_and_only_that(plan: Plan, drawn: st.DrawFn) -> None:
    runs = plan.runs()
    done = {run.run_id for run in runs if drawn.random() < 0.6}  # type: ignore[attr-defined]
    left = remaining(runs, lambda run: run.run_id in done)
    assert [run for run in left if not run.warm_up] == [
        run for run in runs if not run.warm_up and run.run_id not in done
    ]
    assert left == [run for run in runs if run in set(left)]  # in the plan's own order
    if plan.warm_up and left:
        assert left[0].warm_up
        assert not left[-1].warm_up
    assert remaining(runs, lambda _: True) == []
    assert remaining(runs, lambda _: False) == runs


def test_run_ids_say_the_setting() -> None:
    spec = RunSpec(8, 512, 2048, 0.5, 16, repetition=2, source="mine", warm_up=True)
    assert spec.run_id == "mine-w8-b512-m2048-p0_5-f16-warm-2"
    assert RunSpec(world_size=2).run_id == "w2-1"


def test_two_runs_of_one_name_are_refused() -> None:
    with pytest.raises(SweepError, match="p25"):
        check_names([RunSpec(partition_mb=25.0), RunSpec(partition_mb=25.0000001)])


def test_shuffling_is_by_the_seed() -> None:
    some = tuple(Setting(world_size=world) for world in range(1, 13))
    orders = {tuple(run.world_size for run in Plan(some, seed=seed).runs()) for seed in range(5)}
    assert len(orders) == 5
    assert [run.world_size for run in Plan(some).runs()] == list(range(1, 13))


def test_execution_names_are_unique_and_short_enough() -> None:
    spec = RunSpec(1000, 1024, 10240, 100.5, 1000, repetition=100, source="a-payload-with-a-very-long")
    names = {new_execution_id(spec) for _ in range(20)}
    assert len(names) == 20
    assert max(len(name) for name in names) <= 80
