"""Log lines as JSON, and not more of them than are worth their price."""

from __future__ import annotations

import logging

import pytest

from containers.rendezvous.logs import LINES_A_PERIOD, PERIOD_S, Throttle


def test_a_flood_of_one_event_is_cut_short_and_counted() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)

    def log(event: str, level: int = logging.INFO) -> logging.LogRecord | None:
        record = logging.LogRecord("rendezvous", level, "", 0, event, (), None)
        return record if throttle.filter(record) else None

    assert sum(log("refused") is not None for _ in range(100)) == LINES_A_PERIOD
    assert log("listening")
    assert log("cannot accept", logging.ERROR)
    now = PERIOD_S
    assert "left_out" not in vars(log("listening") or pytest.fail())
    later = log("refused")
    assert later is not None
    assert vars(later)["left_out"] == 100 - LINES_A_PERIOD
    assert "left_out" not in vars(log("listening") or pytest.fail())
