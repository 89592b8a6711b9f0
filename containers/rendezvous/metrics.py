"""What the server counts, and the Prometheus text format.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

By hand, so that the image has the standard library only; prometheus_client reads it in the tests.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "rendezvous_"


class _Definition(NamedTuple):
    help: str
    label: str
    values: tuple[str, ...]


_COUNTERS = {
    "connections_total": _Definition("Connections accepted.", "", ("",)),
    "requests_total": _Definition("Complete requests.", "kind", ("v1", "v2", "abort", "ring", "bell")),
    "pairs_total": _Definition("Pairs of clients that were told each other's address.", "", ("",)),
    "refused_total": _Definition(
        "Clients sent away.", "reason", ("malformed", "connections", "address", "waiting", "note")
    ),
    "timeouts_total": _Definition("Clients dismissed at a deadline.", "state", ("request", "waiting")),
}


class Metrics:
    """Counters since the server started, and how long pairs waited."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._waited_s = 0.0
        self._started = time.time()

    def count(self, name: str, value: str = "") -> None:
        """Add one. Raises KeyError or ValueError for a counter or a label's value that is not defined."""
        if value not in _COUNTERS[name].values:
            raise ValueError(f"{name} has no {_COUNTERS[name].label} {value!r}")
        self._counts[name, value] += 1

    def count_pair(self, waited_s: float) -> None:
        """Add a pair whose first client waited this long for the second."""
        self.count("pairs_total")
        self._waited_s += waited_s

    def value(self, name: str, value: str = "") -> int:
        """What a counter stands at."""
        return self._counts[name, value]

    def total(self, name: str) -> int:
        """What a counter stands at, over all values of its label."""
        return sum(self.value(name, value) for value in _COUNTERS[name].values)

    def render(self, gauges: Mapping[str, int]) -> str:
        """Everything as Prometheus reads it, with what the server holds at this moment."""
        lines: list[str] = []
        for name, (text, label, values) in _COUNTERS.items():
            samples = (
                (f'{{{label}="{value}"}}' if label else "", self.value(name, value)) for value in values
            )
            lines += _metric(_PREFIX + name, "counter", text, samples)
        for name, number in gauges.items():
            lines += _metric(
                _PREFIX + name, "gauge", name.replace("_", " ").capitalize() + ".", [("", number)]
            )
        waited = [("_sum", self._waited_s), ("_count", self.value("pairs_total"))]
        lines += _metric(
            _PREFIX + "wait_seconds", "summary", "Waiting time of a pair's first client.", waited
        )
        start = [("", self._started)]
        lines += _metric("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", start)
        if (memory := _resident_bytes()) is not None:
            lines += _metric("process_resident_memory_bytes", "gauge", "Memory in use.", [("", memory)])
        return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    head = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{suffix} {number}" for suffix, number in samples]


def _resident_bytes() -> int | None:
    """Resident memory, where the system has /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
