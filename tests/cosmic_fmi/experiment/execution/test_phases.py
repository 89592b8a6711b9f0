from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.experiment.aws.history import Timings
from cosmic_fmi.experiment.execution.phases import phases
from cosmic_fmi.experiment.schema import PHASES

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
ENTERED = START + timedelta(seconds=1)
TIMES = Timings(
    duration_s=20.0,
    init_s=0.8,
    start_s=None,
    map_s=17.0,
    summarize_s=1.5,
    transitions=3,
    map_entered_at=ENTERED,
)


def outcome(started: float, ended: float, download: float = 0.5) -> Outcome:
    at = ENTERED.timestamp()
    return Outcome(0, "succeeded", started_at=at + started, ended_at=at + ended, download_seconds=download)


def test_the_rank_that_ended_last_decides() -> None:
    results = {
        0: {"phases": {"inference": 1.0}},
        1: {"phases": {"import": 2.0, "download": 1.0, "setup": 0.25, "inference": 9.0, "reduce": 0.5}},
    }
    found = phases(TIMES, {0: outcome(0, 3), 1: outcome(2, 16)}, results)
    assert tuple(found) == PHASES
    assert found["start"] == pytest.approx(2.0)
    assert found["download"] == pytest.approx(1.5)
    assert found["inference"] == 9.0
    assert sum(found.values()) == pytest.approx(TIMES.duration_s)
    assert found["other"] == pytest.approx(20 - 0.8 - 2 - 1.5 - 2 - 0.25 - 9 - 0.5 - 1.5)


def test_a_script_without_phases_of_its_own_has_only_the_outer_ones() -> None:
    found = phases(TIMES, {0: outcome(1, 10)}, {0: {"answer": 42}})
    assert found["inference"] == found["import"] == 0
    assert sum(found.values()) == pytest.approx(20)


def test_waiting_for_the_rendezvous_server_is_starting_too() -> None:
    waited = replace(TIMES, start_s=2.5)
    assert phases(waited, {0: outcome(1, 10)}, {})["start"] == pytest.approx(3.5)


def test_a_clock_that_is_behind_makes_no_negative_start() -> None:
    assert phases(TIMES, {0: outcome(-0.3, 10)}, {})["start"] == 0


def test_no_rank_ended_or_no_map_was_entered() -> None:
    assert phases(TIMES, {}, {}) == {}
    assert phases(replace(TIMES, map_entered_at=None), {0: outcome(0, 1)}, {}) == {}
