"""What an execution's event history says: how long each phase took, and which requests it made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_ROLES = {
    "Initialize": "initialize",
    "Reinitialize": "initialize",
    "FindRendezvous": "find_rendezvous",
    "Summarize": "summarize",
}
_ID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_IN_SENTENCE = re.compile(f"RequestId: {_ID}|{_ID} Task timed out")


@dataclass(frozen=True)
class Timings:
    """Seconds; a phase that was not reached is None. ``transitions`` counts what is billed: the states that
    the parent entered, and retries.
    """

    duration_s: float
    init_s: float | None
    start_s: float | None
    """Until the rendezvous server answered: a minute where it was started, None where none was needed."""
    map_s: float | None
    summarize_s: float | None
    transitions: int
    map_entered_at: datetime | None = None
    """Of the last attempt, where a world was run again."""
    attempts: int = 0
    """How often the Map was entered: 0 where Initialize refused the input."""


def timings(events: Iterable[Mapping[str, Any]], started: datetime, stopped: datetime) -> Timings:
    """Phases of the state machine: Initialize, the wait for the rendezvous server, the Map, Summarize.

    ``events`` as GetExecutionHistory gives them. A state that failed has no exit event: its time runs to
    the next state's entry or to the end.
    """
    entered: list[tuple[str, str, datetime]] = []
    exited: dict[str, datetime] = {}
    retries = scheduled = 0
    for event in events:
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            entered.append((kind, event["stateEnteredEventDetails"]["name"], event["timestamp"]))
            scheduled = 0
        elif kind == "TaskScheduled":
            scheduled += 1
            retries += scheduled > 1
        elif kind.endswith("StateExited"):
            exited[event["stateExitedEventDetails"]["name"]] = event["timestamp"]
    spans: dict[str, float] = {}
    for index, (kind, name, at) in enumerate(entered):
        following = entered[index + 1][2] if index + 1 < len(entered) else stopped
        phase = _phase(kind, name)
        if phase:
            spans[phase] = max(0.0, (exited.get(name, following) - at).total_seconds())
    maps = [at for kind, _, at in entered if kind == "MapStateEntered"]
    return Timings(
        duration_s=(stopped - started).total_seconds(),
        init_s=spans.get("init"),
        start_s=spans.get("start"),
        map_s=spans.get("map"),
        summarize_s=spans.get("summarize"),
        transitions=len(entered) + retries,
        map_entered_at=maps[-1] if maps else None,
        attempts=len(maps),
    )


def _phase(kind: str, name: str) -> str | None:
    if kind == "MapStateEntered":
        return "map"
    return {"Initialize": "init", "FindRendezvous": "start", "Summarize": "summarize"}.get(name)


def request_ids(events: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Lambda's ids of the requests that the parent made itself, by role: initialize,
    find_rendezvous, summarize.

    A function that failed is found as well: its error carries its request id.
    """
    found: dict[str, set[str]] = {}
    role = None
    for event in events:
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            role = _ROLES.get(event["stateEnteredEventDetails"]["name"])
        elif role and kind == "TaskSucceeded":
            request = _of_answer(event.get("taskSucceededEventDetails", {}).get("output"))
            found.setdefault(role, set()).update(request)
        elif role and kind == "TaskFailed":
            request = request_of_error(event.get("taskFailedEventDetails", {}).get("cause"))
            found.setdefault(role, set()).update(request)
    return {role: ids for role, ids in found.items() if ids}


def request_of_error(cause: str | None) -> set[str]:
    """The request id in a Lambda error's cause: of itself ({"requestId": ...}), or in the service's sentence
    (``RequestId: ... Error: Task timed out after 900.00 seconds``); empty when there is none.
    """
    parsed = _object(cause)
    if parsed.get("requestId"):
        return {str(parsed["requestId"])}
    found = _IN_SENTENCE.search(str(parsed.get("errorMessage") or cause or ""))
    return {found[1] or found[2]} if found else set()


def _of_answer(output: str | None) -> set[str]:
    metadata = _object(output).get("SdkResponseMetadata")
    request = metadata.get("RequestId") if isinstance(metadata, Mapping) else None
    return {str(request)} if request else set()


def _object(text: str | None) -> dict[str, Any]:
    """A JSON object; empty for anything else, such as an output that was cut off at 256 KiB."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
