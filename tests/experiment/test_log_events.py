from __future__ import annotations

from typing import Any

from experiment.log_events import collect_invocations
from experiment.logs import parse_report
from tests.experiment.test_logs import COLD, WARM, event


class LateLogs:
    """A CloudWatch client whose second request finds more than its first, in pages."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)

    def get_paginator(self, _: str) -> LateLogs:
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        events = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [{"events": [item]} for item in events]


def test_late_reports_are_waited_for() -> None:
    logs = LateLogs(
        [event("a", 1, "START RequestId: 11111111-aaaa\n")], [event("a", 2, COLD), event("b", 2, WARM)]
    )
    found = collect_invocations(logs, {"group": ["11111111-aaaa"]}, 0, timeout_s=5, poll_s=0)  # type: ignore[arg-type]
    assert found["11111111-aaaa"].report == parse_report(COLD)
    assert list(found) == ["11111111-aaaa"]


def test_the_wait_is_bounded() -> None:
    logs = LateLogs([])
    assert collect_invocations(logs, {"group": ["missing"]}, 0, timeout_s=0, poll_s=0) == {}  # type: ignore[arg-type]
