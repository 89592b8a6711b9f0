"""Notes that aborting ranks leave for peers that have not connected yet."""

from __future__ import annotations

import time
from collections import OrderedDict


class AbortNotes:
    """Pairing name → short text, bounded in number and in age (seconds); the oldest goes first."""

    def __init__(self, limit: int, age_s: float) -> None:
        self._limit = limit
        self._age_s = age_s
        self._notes: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def add(self, name: bytes, text: bytes) -> None:
        """Leave a note under a name; the first one stands, as it names the cause."""
        now = time.monotonic()
        self._expire(now)
        self._notes.setdefault(name, (now, text))
        while len(self._notes) > self._limit:
            self._notes.popitem(last=False)

    def find(self, name: bytes) -> bytes | None:
        """The note under a name, or None."""
        self._expire(time.monotonic())
        found = self._notes.get(name)
        return found[1] if found else None

    def __len__(self) -> int:
        self._expire(time.monotonic())
        return len(self._notes)

    def _expire(self, now: float) -> None:
        while self._notes:
            left_at, _ = next(iter(self._notes.values()))
            if now - left_at < self._age_s:
                return
            self._notes.popitem(last=False)
