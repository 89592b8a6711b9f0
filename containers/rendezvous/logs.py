"""Structured logs: one JSON object a line, and no flood of them, as each line on AWS is paid for."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable

PERIOD_S = 10.0
LINES_A_PERIOD = 20


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event and the fields given as `extra`."""

    _standard = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {"time": self.formatTime(record), "level": record.levelname, "event": record.getMessage()}
        entry |= {key: value for key, value in vars(record).items() if key not in self._standard}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class Throttle(logging.Filter):
    """Lets each event below ERROR through a few times a period; the next one says how many were left out.

    What strangers do at the port must not decide how much is written.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._since = clock()
        self._seen: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this record."""
        if record.levelno >= logging.ERROR:
            return True
        now, event = self._clock(), str(record.msg)
        if now - self._since >= PERIOD_S:
            self._left_out.update({name: max(0, seen - LINES_A_PERIOD) for name, seen in self._seen.items()})
            self._since, self._seen = now, {}
        if left_out := self._left_out.pop(event, 0):
            record.left_out = left_out
        self._seen[event] = self._seen.get(event, 0) + 1
        return self._seen[event] <= LINES_A_PERIOD


def set_up(level: str) -> None:
    """Write the log to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Throttle())
    logging.basicConfig(level=level, handlers=[handler])
