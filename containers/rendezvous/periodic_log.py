"""Once a minute what the server counted since the last time, as a line of its log, unless nobody came.

CloudWatch makes metrics of these lines (terraform/modules/monitoring), which costs less than a collector.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType

from containers.rendezvous.metrics import Metrics

log = logging.getLogger("rendezvous")

PERIOD_S = 60.0
_FIELDS = {
    "connections": "connections_total",
    "pairs": "pairs_total",
    "refused": "refused_total",
    "timed_out": "timeouts_total",
}


class PeriodicLog:
    """Writes the lines while it is entered, and what is left over when it ends."""

    def __init__(self, metrics: Metrics, period_s: float = PERIOD_S) -> None:
        self._metrics = metrics
        self._period_s = period_s
        self._told = self._counts()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> PeriodicLog:
        self._task = asyncio.create_task(self._repeat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._tell()

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            self._tell()

    def _tell(self) -> None:
        counts = self._counts()
        since = {field: counts[field] - self._told[field] for field in _FIELDS}
        if any(since.values()):
            log.info("figures", extra=since)
        self._told = counts

    def _counts(self) -> dict[str, int]:
        return {field: self._metrics.total(name) for field, name in _FIELDS.items()}
