from __future__ import annotations

import json
from typing import Any

from cosmic_fmi.experiment.aws.rendezvous_log import rendezvous_between, summed
from tests.cosmic_fmi.experiment.support.fakes import Logs


def line(first_at: float, pairs: int, wait_s: float, longest: float, event: str = "pairs") -> dict[str, Any]:
    content = {
        "event": event,
        "pairs": pairs,
        "wait_s": wait_s,
        "longest_wait_s": longest,
        "first_at": first_at,
    }
    return {"message": json.dumps(content), "timestamp": int(first_at * 1000), "logStreamName": "s"}


def test_bursts_within_the_time_are_summed_and_others_left_out() -> None:
    events = [
        line(99.0, 50, 9.0, 9.0),
        line(101.0, 3, 0.5, 0.25),
        line(104.0, 1, 0.1, 0.1),
        line(120.0, 7, 1, 1),
    ]
    events += [line(102.0, 9, 9.0, 9.0, "stopped"), {"message": "not JSON"}, {"message": "[1]"}]
    assert summed(events, 100.0, 110.0) == {"pairs": 4, "wait_s": 0.6, "longest_wait_s": 0.25}
    assert summed(events, 200.0, 300.0) is None


class LateLogs(Logs):
    """Has a line only at the third look."""

    looks = 0

    def get_paginator(self, name: str) -> Any:  # noqa: ANN401 - as in the fake
        self.looks += 1
        return super().get_paginator(name) if self.looks >= 3 else Logs().get_paginator(name)


def test_late_lines_are_waited_for_until_they_tell_of_enough_pairs() -> None:
    logs = LateLogs({"/r": [line(101.0, 3, 0.5, 0.25)]})
    found = rendezvous_between(logs, "/r", 100.0, 110.0, expected=3, timeout_s=30.0)  # type: ignore[arg-type]
    assert found is not None
    assert found["pairs"] == 3
    assert logs.looks == 3


def test_nothing_is_waited_for_where_nothing_is_expected() -> None:
    logs = LateLogs()
    assert rendezvous_between(logs, "/r", 0.0, 1.0, expected=0, timeout_s=30.0) is None  # type: ignore[arg-type]
    assert logs.looks == 1
