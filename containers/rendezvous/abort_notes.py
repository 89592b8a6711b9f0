"""Notes that aborting ranks leave for peers that have not connected yet."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import NamedTuple


class _Note(NamedTuple):
    left_at: float
    text: bytes
    host: str


class AbortNotes:
    """Pairing name → short text, bounded in number and in age (seconds); the oldest goes first.

    One address leaves at most ``limit_per_host``: beyond them its own oldest goes, never somebody else's.
    """

    def __init__(self, limit: int, age_s: float, limit_per_host: int | None = None) -> None:
        self._limit = limit
        self._limit_per_host = limit if limit_per_host is None else limit_per_host
        self._age_s = age_s
        self._notes: OrderedDict[bytes, _Note] = OrderedDict()
        self._by_host: dict[str, OrderedDict[bytes, None]] = {}

    def add(self, name: bytes, text: bytes, host: str = "") -> None:
        """Leave a note from an address under a name; the first one stands, as it names the cause."""
        now = time.monotonic()
        self._expire(now)
        if name in self._notes:
            return
        own = self._by_host.get(host)
        if own and len(own) >= self._limit_per_host:
            self._remove(next(iter(own)))
        self._notes[name] = _Note(now, text, host)
        self._by_host.setdefault(host, OrderedDict())[name] = None
        while len(self._notes) > self._limit:
            self._remove(next(iter(self._notes)))

    def find(self, name: bytes) -> bytes | None:
        """The note under a name, or None."""
        self._expire(time.monotonic())
        found = self._notes.get(name)
        return found.text if found else None

    def __len__(self) -> int:
        self._expire(time.monotonic())
        return len(self._notes)

    def _expire(self, now: float) -> None:
        while self._notes:
            name, note = next(iter(self._notes.items()))
            if now - note.left_at < self._age_s:
                return
            self._remove(name)

    def _remove(self, name: bytes) -> None:
        host = self._notes.pop(name).host
        own = self._by_host[host]
        del own[name]
        if not own:
            del self._by_host[host]
