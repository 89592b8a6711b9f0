"""The scaling model: it finds coefficients that made the runs, and says so when it cannot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.cost.published import FMI_TOTAL_S, WHOLE_SET
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.observations import fitted, observation, published
from cosmic_fmi.experiment.model.prediction import predict
from cosmic_fmi.experiment.model.scaling import PARTS, TOTAL, Observation, Settings, fit
from tests.cosmic_fmi.experiment.support.sweeps import COEFFICIENTS, sweep

STATE_MACHINE = Path(__file__).parents[4] / "statemachine.asl.json"
SMALL_SWEEP = [
    Settings(world, memory, batch, 20_000, 64, cold)
    for world in (1, 2, 8, 32)
    for memory in (1024, 3008, 10_240)
    for batch in (32, 128, 512)
    for cold in (True, False)
]
SECONDS = st.floats(0.01, 5.0)
COEFFICIENTS_OF_ANY_SYSTEM = st.fixed_dictionaries(
    {
        "serial": SECONDS,
        "rank": st.floats(0.001, 0.2),
        "cold": SECONDS,
        "byte": st.floats(1e-9, 1e-7),
        "galaxy": st.floats(1e-4, 0.05),
        "batch": st.floats(0.01, 1.0),
        "spill": st.floats(1e-7, 1e-5),
        "message": st.floats(0.001, 0.5),
    }
)


def made_by(coefficients: dict[str, float], *, whole: bool = False) -> list[Observation]:
    """Runs as a system with these coefficients would make them; ``whole``: only their totals are known."""
    found = []
    for item in SMALL_SWEEP:
        features = item.features()
        parts = {
            part: sum(coefficients[term] * features[term] for term in terms) for part, terms in PARTS.items()
        }
        seconds = {TOTAL: sum(parts.values())} if whole else parts
        found.append(Observation(item, seconds, f"w{item.world_size}"))
    return found


@given(COEFFICIENTS_OF_ANY_SYSTEM)
@settings(max_examples=40, deadline=None)
def test_known_coefficients_are_found_again(coefficients: dict[str, float]) -> None:
    observations = made_by(coefficients)
    model = fit(observations, "made", published().coefficients)
    for item in observations:
        for term, feature in item.settings.features().items():
            off = abs(model.coefficients[term] - coefficients[term]) * feature
            assert off < 0.01 * item.total, f"{term}: {model.coefficients[term]}, not {coefficients[term]}"
    assert model.error.fitted < 0.01


@given(COEFFICIENTS_OF_ANY_SYSTEM)
@settings(max_examples=20, deadline=None)
def test_totals_are_enough_to_predict_a_setting_that_was_not_run(
    coefficients: dict[str, float],
) -> None:
    model = fit(made_by(coefficients, whole=True), "made", published().coefficients)
    unseen = Settings(16, 2048, 128, 20_000, 64)
    true = sum(coefficients[term] * value for term, value in unseen.features().items())
    assert model.seconds(unseen) == pytest.approx(true, rel=0.05)
    assert model.error.left_out is not None


@given(st.integers(1, 500), st.integers(128, 10_240), st.integers(1, 2048), st.integers(0, 10**7))
def test_a_prediction_is_never_negative_and_its_parts_add_up(
    world: int, memory: int, batch: int, galaxies: int
) -> None:
    made = predict(published(), Settings(world, memory, batch, galaxies), load_prices())
    assert min(made.parts.values()) >= 0
    assert min(made.cost_breakdown.values()) >= 0
    assert sum(made.parts.values()) == pytest.approx(made.seconds)
    assert made.cost_usd >= world * load_prices().lambda_request


@pytest.mark.parametrize("world", [1, 4])
def test_a_prediction_counts_the_states_of_the_state_machine(world: int) -> None:
    text = re.sub(r": \$\{\w+\}", ": 0", STATE_MACHINE.read_text())
    states, name, entered = json.loads(text)["States"], "Initialize", 0
    while name:
        entered, state = entered + 1, states[name]
        meets = state["Type"] == "Choice" and world > 1
        name = state["Choices"][0]["Next"] if meets else state.get("Default") or state.get("Next")
    made = predict(published(), Settings(world, 1769), load_prices()).cost_breakdown
    assert made["step_functions"] == pytest.approx((entered + 2 * world) * 25e-6)
    functions = world + (3 if world > 1 else 2)
    assert made["lambda_requests"] == pytest.approx(functions * 2e-7)


def test_the_rank_with_the_most_files_decides() -> None:
    even, uneven = Settings(4, 1024, 512, 1600, 16), Settings(5, 1024, 512, 1600, 16)
    assert uneven.galaxies_of_rank == even.galaxies_of_rank == 400
    assert Settings(16, 1024, 512, 1600, 16).galaxies_of_rank == 100


def test_ranks_of_one_machine_share_its_cores() -> None:
    assert [Settings(world, 10_240, cores=2).cpus for world in (1, 2, 4)] == [2, 1, 0.5]
    assert Settings(4, 1769).cpus == 1
    assert Settings(4, 10_240).cpus == pytest.approx(5.79, abs=0.01)


def test_published_figures_are_described() -> None:
    model = published()
    team = FMI_TOTAL_S["course team 4"]
    for world, seconds in team.items():
        assert model.seconds(Settings(world, 10_240)) == pytest.approx(seconds, rel=0.2)
    whole = model.seconds(Settings(517, 10_240, 512, 517 * 1279))
    assert whole == pytest.approx(WHOLE_SET.lambda_s, rel=0.1)
    # A function that they used for 6.55 s at 2.8 GB used to cost $0.16 for all 517; prices have not changed.
    paid = predict(model, Settings(517, 2867, 512, 517 * 1279), load_prices())
    assert paid.cost_breakdown["lambda_compute"] == pytest.approx(
        517 * paid.rank_s * 2867 / 1024 * 0.0000166667, rel=0.01
    )


def test_runs_of_a_sweep_are_fitted_and_predicted() -> None:
    rows, ranks = sweep(worlds=(1, 2, 4, 8), batches=(64, 512), memories=(2048, 8192), repetitions=2)
    model = fitted(rows, ranks)
    assert model.cores is None
    assert model.runs == len(rows)
    assert model.error.left_out is not None
    assert model.error.left_out < 0.05
    for row in rows:
        assert model.seconds(observation(row).settings) == pytest.approx(row["duration_s"], rel=0.1)


def test_what_was_not_varied_stays_as_published() -> None:
    """Runs without data say nothing about inference, so that the prior's own figures for it remain."""
    rows, ranks = sweep(worlds=(1, 2, 4), galaxies=0)
    model = fitted(rows, ranks)
    for term in ("galaxy", "batch", "spill", "byte"):
        assert model.coefficients[term] == pytest.approx(published().coefficients[term], rel=1e-6)
    assert model.coefficients["rank"] == pytest.approx(COEFFICIENTS["rank"], rel=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"worlds": (2,), "repetitions": 5},
        {"worlds": (2, 4)},
        {"worlds": (1, 2, 4, 8), "status": "failed"},
        {"worlds": (1, 2, 4, 8), "warm_up": True},
    ],
)
def test_too_few_runs_are_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="at least 3 runs that succeeded, with 2 different settings"):
        fitted(*sweep(**changes))


def test_with_two_settings_the_error_claims_no_more_than_it_knows() -> None:
    assert "on settings that it had not seen" in str(published().error)
    model = fitted(*sweep(worlds=(2, 4), repetitions=2))
    assert model.error.left_out is None
    assert "too few settings" in str(model.error)
