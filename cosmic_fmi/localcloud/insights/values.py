"""Values in queries of CloudWatch Logs Insights, and the fields that it discovers in a log event.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

Value = str | float | bool | None
Row = dict[str, Value]
Expression = Callable[[Row], Value]

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_TYPE = re.compile(r"(START|END|REPORT) RequestId: (\S+)")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# What a REPORT line says: in which words, under which field, and in what (Lambda's MB are 10^6 bytes there).
_REPORT = {
    "@duration": ("Duration", 1),
    "@billedDuration": ("Billed Duration", 1),
    "@memorySize": ("Memory Size", 10**6),
    "@maxMemoryUsed": ("Max Memory Used", 10**6),
    "@initDuration": ("Init Duration", 1),
}


class Moment(float):
    """A time in ms since 1970, which is shown as a date."""


def number(value: Value) -> float | None:
    """The value as a number, if it is one or reads as one."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if value is None else float(value)


def text(value: Value) -> str:
    """The value as a result shows it: numbers with four decimals at most, dates in UTC."""
    if isinstance(value, Moment):
        return datetime.fromtimestamp(value / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return value or ""


def holds(value: Value) -> bool:
    """Whether a condition with this outcome is met."""
    return bool(number(value)) if isinstance(value, str) else bool(value)


def discovered(message: str) -> Row:
    """The fields that Insights finds in a message: those of Lambda's own lines, or those of a JSON object."""
    kind = _TYPE.match(message)
    if kind is not None:
        return {"@type": kind[1], "@requestId": kind[2], **_reported(message)}
    if message.startswith("{"):
        return _of_json(message)
    # Lambda's loggers write level, time and request id, separated by tabs.
    request = _UUID.search(message) if "\t" in message else None
    return {"@requestId": request[0]} if request else {}


def _reported(message: str) -> Row:
    parts = dict(part.split(": ", 1) for part in message.split("\t") if ": " in part)
    return {
        field: value * unit
        for field, (words, unit) in _REPORT.items()
        if (value := number(parts.get(words, "").partition(" ")[0])) is not None
    }


def _of_json(message: str) -> Row:
    row: Row = {}
    try:
        _flatten("", json.loads(message), row)
    except (ValueError, OverflowError, RecursionError):  # no JSON, or none that anybody means to search
        return {}
    return row


def _flatten(prefix: str, content: object, row: Row) -> None:
    """Nested names are joined by dots; items of a list are numbered from 0."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in items:
            _flatten(f"{prefix}.{name}" if prefix else str(name), value, row)
    elif isinstance(content, bool | str):
        row[prefix] = content
    elif isinstance(content, int | float) and math.isfinite(content):
        row[prefix] = float(content)
