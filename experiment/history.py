"""How long each phase of an execution took, from its event history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Timings:
    """Seconds; a phase that was not reached is None. ``transitions`` counts the states the parent entered."""

    duration_s: float
    init_s: float | None
    start_s: float | None
    """Until the rendezvous server answered: a minute where it was started, None where none was needed."""
    map_s: float | None
    summarize_s: float | None
    transitions: int


def timings(events: Iterable[Mapping[str, Any]], started: datetime, stopped: datetime) -> Timings:
    """Phases of the state machine: Initialize, the wait for the rendezvous server, the Map, Summarize.

    ``events`` as GetExecutionHistory gives them. A state that failed has no exit event: its time runs to
    the next state's entry or to the end.
    """
    entered: list[tuple[str, str, datetime]] = []
    exited: dict[str, datetime] = {}
    for event in events:
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            entered.append((kind, event["stateEnteredEventDetails"]["name"], event["timestamp"]))
        elif kind.endswith("StateExited"):
            exited[event["stateExitedEventDetails"]["name"]] = event["timestamp"]
    spans: dict[str, float] = {}
    for index, (kind, name, at) in enumerate(entered):
        following = entered[index + 1][2] if index + 1 < len(entered) else stopped
        phase = _phase(kind, name)
        if phase:
            spans[phase] = max(0.0, (exited.get(name, following) - at).total_seconds())
    return Timings(
        duration_s=(stopped - started).total_seconds(),
        init_s=spans.get("init"),
        start_s=spans.get("start"),
        map_s=spans.get("map"),
        summarize_s=spans.get("summarize"),
        transitions=len(entered),
    )


def _phase(kind: str, name: str) -> str | None:
    if kind == "MapStateEntered":
        return "map"
    return {"Initialize": "init", "FindRendezvous": "start", "Summarize": "summarize"}.get(name)
