"""The output of ranks while it grows, from a log that has other executions' lines, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cosmic_fmi.experiment.execution.live_output import LiveOutput
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, FakeTarget


class Log:
    """A log group that grows."""

    def __init__(self) -> None:
        self.target = FakeTarget()
        self.shown: list[tuple[int, list[str]]] = []
        self.live = LiveOutput(
            self.target, DEPLOYMENT, "mine", lambda rank, lines: self.shown.append((rank, list(lines)))
        )
        self._events: list[dict[str, Any]] = []
        self.target.fakes.logs.events = {"/e": self._events}

    def add(self, stream: str, *messages: str) -> None:
        for message in messages:
            number = len(self._events)
            event = {"logStreamName": stream, "timestamp": 10**13 + number, "eventId": str(number)}
            self._events.append({**event, "message": f"{message}\n"})

    def look(self) -> list[tuple[int, list[str]]]:
        self.shown.clear()
        self.live.look()
        return list(self.shown)


def test_each_line_is_shown_once_and_under_its_rank() -> None:
    log = Log()
    log.add("a", "START RequestId: r1 Version: 1", "RANK 1 EXECUTION mine", "one")
    log.add("b", "START RequestId: r2 Version: 1", "RANK 0 EXECUTION mine", "zero")
    assert log.look() == [(0, ["zero"]), (1, ["one"])]
    log.add("a", "two", "END RequestId: r1", "REPORT RequestId: r1\tDuration: 1.00 ms")
    assert log.look() == [(1, ["two"])]
    assert log.look() == []
    assert log.live.requests == {1: "r1", 0: "r2"}
    assert log.live.rest({0: ["zero", "last"], 1: ["one", "two"]}) == {0: ["last"], 1: []}


def test_another_execution_s_lines_in_the_same_environments_are_not_shown() -> None:
    log = Log()
    log.add("a", "START RequestId: r0 Version: 1", "RANK 0 EXECUTION other", "not mine", "END RequestId: r0")
    log.add("a", "START RequestId: r1 Version: 1", "before it is known", "RANK 0 EXECUTION mine", "mine")
    log.add("a", "START RequestId: r3 Version: 1", "RANK 0 EXECUTION other", "not mine")
    assert log.look() == [(0, ["mine"])]


def test_a_second_attempt_is_counted_anew() -> None:
    log = Log()
    log.add("a", "START RequestId: r1 Version: 1", "RANK 0 EXECUTION mine", "first", "try")
    log.look()
    log.add("b", "START RequestId: r2 Version: 1", "RANK 0 EXECUTION mine", "second")
    assert log.look() == [(0, ["second"])]
    assert log.live.rest({0: ["second", "end"]}) == {0: ["end"]}


def test_the_executor_s_account_of_an_error_is_not_the_script_s_output() -> None:
    log = Log()
    failed = "[ERROR]\t2026-11-30T20:00:00.000Z\tr1\trank 0 failed"
    log.add("a", "START RequestId: r1 Version: 1", "RANK 0 EXECUTION mine", "so far", failed, "Traceback")
    assert log.look() == [(0, ["so far"])]
    assert log.live.rest({0: ["so far", "and on", failed, "Traceback"]}) == {0: ["and on"]}


def test_what_a_busy_service_does_not_answer_is_read_the_next_time() -> None:
    log = Log()
    log.add("a", "START RequestId: r1 Version: 1", "RANK 0 EXECUTION mine", "one")
    events = log.target.fakes.logs.events["/e"]

    class Breaks(list[dict[str, Any]]):
        """The first page, and then an error."""

        def __iter__(self) -> Iterator[dict[str, Any]]:
            yield from events
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "FilterLogEvents")

    log.target.fakes.logs.events["/e"] = Breaks()
    assert log.look() == []
    log.target.fakes.logs.events["/e"] = events
    assert log.look() == [(0, ["one"])]
