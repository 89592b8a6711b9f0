from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cosmic_fmi.experiment.aws.history import request_ids, request_of_error, timings

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


REQUEST = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (json.dumps({"errorMessage": "no", "errorType": "InputError", "requestId": REQUEST}), {REQUEST}),
        (
            json.dumps({"errorMessage": f"RequestId: {REQUEST} Error: Task timed out after 3.00 seconds"}),
            {REQUEST},
        ),
        (
            json.dumps({"errorMessage": f"2026-11-21T10:00:00Z {REQUEST} Task timed out after 3.00 seconds"}),
            {REQUEST},
        ),
        (f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed", {REQUEST}),
        (json.dumps({"errorMessage": f"no object named {REQUEST}"}), set()),
        ("nothing", set()),
        (None, set()),
    ],
)
def test_a_lambda_error_tells_its_request(cause: str | None, found: set[str]) -> None:
    assert request_of_error(cause) == found


def test_requests_of_every_attempt_are_found_also_where_the_history_was_cut() -> None:
    def succeeded(request: str) -> dict[str, Any]:
        output = json.dumps({"Payload": {}, "SdkResponseMetadata": {"RequestId": request}})
        return {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": output}}

    away = json.dumps({"errorType": "RendezvousAway", "errorMessage": "not yet", "requestId": "f1"})
    events = [
        entered("Task", "Initialize", 0),
        succeeded("i1"),
        entered("Task", "FindRendezvous", 1),
        {"type": "TaskScheduled"},
        {"type": "TaskFailed", "taskFailedEventDetails": {"cause": away}},
        {"type": "TaskScheduled"},
        succeeded("f2"),
        entered("Map", "RunRanks", 2),
        entered("Task", "Summarize", 3),
        {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": '{"Payload": {"cut'}},
        entered("Task", "Reinitialize", 4),
        succeeded("i2"),
        entered("Map", "RunRanks", 5),
    ]
    assert request_ids(events) == {"initialize": {"i1", "i2"}, "find_rendezvous": {"f1", "f2"}}
    found = timings([event | {"timestamp": event.get("timestamp", at(0))} for event in events], at(0), at(9))
    assert found.transitions == 6 + 1  # the retry is billed too
    assert found.map_entered_at == at(5)
