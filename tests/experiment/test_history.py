from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from experiment.history import timings

START = datetime(2026, 11, 21, 10, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def entered(kind: str, name: str, seconds: float) -> dict[str, Any]:
    return {
        "type": f"{kind}StateEntered",
        "timestamp": at(seconds),
        "stateEnteredEventDetails": {"name": name},
    }


def exited(kind: str, name: str, seconds: float) -> dict[str, Any]:
    return {"type": f"{kind}StateExited", "timestamp": at(seconds), "stateExitedEventDetails": {"name": name}}


def test_phases_of_a_whole_execution() -> None:
    events = [
        {"type": "ExecutionStarted", "timestamp": at(0)},
        entered("Task", "Initialize", 0.1),
        {"type": "LambdaFunctionScheduled", "timestamp": at(0.2)},
        exited("Task", "Initialize", 1.1),
        entered("Choice", "NeedsRendezvous", 1.1),
        exited("Choice", "NeedsRendezvous", 1.1),
        entered("Task", "FindRendezvous", 1.1),
        exited("Task", "FindRendezvous", 1.2),
        entered("Map", "RunRanks", 1.2),
        exited("Map", "RunRanks", 6.2),
        entered("Task", "Summarize", 6.3),
        exited("Task", "Summarize", 6.8),
    ]
    found = timings(events, at(0), at(7))
    assert found.duration_s == 7
    assert found.init_s == pytest.approx(1.0)
    assert found.start_s == pytest.approx(0.1)
    assert found.map_s == pytest.approx(5.0)
    assert found.summarize_s == pytest.approx(0.5)
    assert found.transitions == 5


def test_a_state_that_failed_lasts_until_the_next_one() -> None:
    events = [entered("Task", "Initialize", 0), entered("Fail", "Failed", 2)]
    found = timings(events, at(0), at(2.5))
    assert found.init_s == 2
    assert found.map_s is None
    assert found.summarize_s is None
    assert found.transitions == 2


def test_no_events() -> None:
    assert timings([], at(0), at(1)).init_s is None
