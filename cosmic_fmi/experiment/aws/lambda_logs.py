"""What a Lambda function's log says about its invocations.

One parser serves both targets: the embedded AWS writes START, END and REPORT lines as AWS does, and
functions with the JSON log format write ``platform.start`` and ``platform.report`` records instead.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosmic_fmi.common.contract.rank_line import parse_rank_line

_EVENT_OVERHEAD_BYTES = 26  # what CloudWatch adds to every event when it bills ingestion
_START = re.compile(r"^START RequestId: (\S+)")
_REPORT = re.compile(r"^REPORT RequestId: (\S+)")
_PLATFORM = re.compile(r"^(INIT_START|START|END|REPORT) |^\s*\{.*\"type\": ?\"platform\.")
_FIELD = re.compile(r"([A-Z][A-Za-z ]*): ([0-9.]+) (ms|MB)")
_FIELDS = {
    "Duration": "duration_ms",
    "Billed Duration": "billed_ms",
    "Memory Size": "memory_mb",
    "Max Memory Used": "max_memory_mb",
    "Init Duration": "init_ms",
}
_JSON_FIELDS = {
    "durationMs": "duration_ms",
    "billedDurationMs": "billed_ms",
    "memorySizeMB": "memory_mb",
    "maxMemoryUsedMB": "max_memory_mb",
    "initDurationMs": "init_ms",
}


@dataclass(frozen=True)
class Report:
    """One REPORT line: times in ms, memory in MB; ``init_ms`` is None for a warm start."""

    request_id: str
    duration_ms: float
    billed_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None

    @property
    def cold_start(self) -> bool:
        """Whether this invocation had to start its environment."""
        return self.init_ms is not None


@dataclass
class Invocation:
    """What one request left in the logs: its report (None until it arrives), its lines, and its bytes as
    billed.
    """

    request_id: str
    report: Report | None = None
    lines: list[str] = field(default_factory=list)
    ingested_bytes: int = 0

    @property
    def output(self) -> list[str]:
        """What the function itself printed, without Lambda's own lines."""
        return [line for line in self.lines if not is_platform_line(line)]


def is_platform_line(line: str) -> bool:
    """Whether a line is Lambda's own, or the one by which the executor names the rank."""
    return _PLATFORM.match(line) is not None or parse_rank_line(line) is not None


def parse_report(message: str) -> Report | None:
    """A :class:`Report` from a log message, text or JSON; None when the message is something else."""
    if message.lstrip().startswith("{"):
        return _parse_json_report(message)
    found = _REPORT.match(message)
    if not found:
        return None
    values = {_FIELDS[name]: float(value) for name, value, _ in _FIELD.findall(message) if name in _FIELDS}
    return _report(found[1], values)


def _parse_json_report(message: str) -> Report | None:
    record = _platform_record(message, "platform.report")
    if record is None:
        return None
    metrics = record.get("metrics", {})
    values = {ours: float(metrics[theirs]) for theirs, ours in _JSON_FIELDS.items() if theirs in metrics}
    return _report(str(record.get("requestId")), values)


def _report(request_id: str, values: Mapping[str, float]) -> Report | None:
    try:
        return Report(
            request_id=request_id,
            duration_ms=values["duration_ms"],
            billed_ms=values["billed_ms"],
            memory_mb=int(values["memory_mb"]),
            max_memory_mb=int(values["max_memory_mb"]),
            init_ms=values.get("init_ms"),
        )
    except KeyError:  # a line cut short, e.g. while the stream is still being written
        return None


def _platform_record(message: str, kind: str) -> dict[str, Any] | None:
    try:
        event = json.loads(message)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("type") != kind:
        return None
    record = event.get("record")
    return record if isinstance(record, dict) else None


def started_request(message: str) -> str | None:
    """The request id, if this message marks the start of an invocation."""
    found = _START.match(message)
    if found:
        return found[1]
    record = _platform_record(message, "platform.start") if message.lstrip().startswith("{") else None
    return str(record.get("requestId")) if record else None


def invocations(events: Iterable[Mapping[str, Any]]) -> dict[str, Invocation]:
    """Group log events (as FilterLogEvents gives them) by request.

    A stream belongs to one environment, which serves one request at a time, so what lies between a START
    and a REPORT is that request's.
    """
    streams: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        streams[event["logStreamName"]].append(event)
    found: dict[str, Invocation] = {}
    for stream in streams.values():
        current: Invocation | None = None
        for event in sorted(stream, key=lambda item: item["timestamp"]):
            message = str(event["message"])
            report = parse_report(message)
            request = started_request(message) or (report.request_id if report else None)
            if request is not None and (current is None or current.request_id != request):
                current = found.setdefault(request, Invocation(request))
            if current is not None:
                current.lines.append(message.rstrip("\n"))
                current.ingested_bytes += len(message.encode()) + _EVENT_OVERHEAD_BYTES
                current.report = report or current.report
    return found
