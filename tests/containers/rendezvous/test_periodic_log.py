"""The lines from which CloudWatch makes metrics."""

from __future__ import annotations

import asyncio
import logging

import pytest

from containers.rendezvous.metrics import Metrics
from containers.rendezvous.periodic_log import PeriodicLog


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, int]]:
    """Connections and refusals of each line written so far."""
    found = [vars(record) for record in caplog.records if record.msg == "figures"]
    return [(record["connections"], record["refused"]) for record in found]


def test_each_line_has_what_came_since_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        metrics = Metrics()
        async with PeriodicLog(metrics, period_s=0.001):
            for number in (1, 2):
                metrics.count("connections_total")
                metrics.count("refused_total", "malformed")
                metrics.count("refused_total", "waiting")
                async with asyncio.timeout(10):
                    while len(lines(caplog)) < number:
                        await asyncio.sleep(0)

    with caplog.at_level(logging.INFO, "rendezvous"):
        asyncio.run(run())
    assert lines(caplog) == [(1, 2), (1, 2)]


def test_the_last_line_comes_at_the_end_and_none_when_nobody_came(caplog: pytest.LogCaptureFixture) -> None:
    async def run(connections: int) -> None:
        metrics = Metrics()
        async with PeriodicLog(metrics):
            for _ in range(connections):
                metrics.count("connections_total")

    with caplog.at_level(logging.INFO, "rendezvous"):
        asyncio.run(run(0))
        assert lines(caplog) == []
        asyncio.run(run(3))
    assert lines(caplog) == [(3, 0)]
