from __future__ import annotations

from typing import Any

from cosmic_fmi.experiment.aws.cloudwatch import collect_invocations, read_events
from cosmic_fmi.experiment.aws.lambda_logs import parse_report
from tests.cosmic_fmi.experiment.aws.test_lambda_logs import COLD, WARM, event


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


class Streams:
    """A CloudWatch client that keeps which streams were asked for; stream ``gone`` does not exist."""

    exceptions = LateLogs.exceptions

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def get_paginator(self, _: str) -> Streams:
        return self

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as boto3 takes them
        names = arguments.get("logStreamNames", [])
        self.asked.append(names)
        if "gone" in names:
            raise self.exceptions.ResourceNotFoundException
        return [{"events": [event(name, 1, f"hello from {name}")]} for name in names]


def test_streams_are_read_a_hundred_at_a_time_and_a_missing_one_hides_no_others() -> None:
    client = Streams()
    names = [f"s{number}" for number in range(250)]
    names[120] = "gone"
    found = list(read_events(client, "g", 0, 1, names))  # type: ignore[arg-type]
    assert [len(asked) for asked in client.asked] == [100, 100, 50]
    assert len(found) == 150


def test_only_the_streams_of_missing_reports_are_read_again() -> None:
    client = Streams()
    wanted = {"g": ["a", "b"]}
    collect_invocations(client, wanted, 0, timeout_s=0, streams={"a": "s1", "b": "s2"})  # type: ignore[arg-type]
    assert client.asked == [["s1", "s2"]]
    client.asked.clear()
    # One stream is unknown, so that it can be any of the group's.
    collect_invocations(client, wanted, 0, timeout_s=0, streams={"a": "s1"})  # type: ignore[arg-type]
    assert client.asked == [[]]
