"""One log line for the pairs of a moment: what a world of functions waited, without a line a pair."""

from __future__ import annotations

import asyncio
import logging
import time

log = logging.getLogger("rendezvous")

QUIET_S = 0.5
"""A burst of pairs, such as a world that connects, is over when nothing follows for this long."""
LONGEST_S = 5.0


class PairLog:
    """Collects pairs and logs ``pairs`` when a burst is over, or every few seconds while it goes on.

    The line has their number, how long their first clients waited (sum and longest, in seconds), and when
    the first and the last were made (seconds since 1970), by which those of an execution are found.
    """

    def __init__(self) -> None:
        self._waits: list[float] = []
        self._first = self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, waited_s: float) -> None:
        """A pair whose first client waited this long for the second."""
        self._last = time.time()
        if not self._waits:
            self._first = self._last
        self._waits.append(waited_s)
        if self._timer:
            self._timer.cancel()
        left = self._first + LONGEST_S - self._last
        self._timer = asyncio.get_running_loop().call_later(max(0.0, min(QUIET_S, left)), self.flush)

    def flush(self) -> None:
        """Log what has been collected."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._waits:
            return
        log.info(
            "pairs",
            extra={
                "pairs": len(self._waits),
                "wait_s": round(sum(self._waits), 6),
                "longest_wait_s": round(max(self._waits), 6),
                "first_at": self._first,
                "last_at": self._last,
            },
        )
        self._waits = []
