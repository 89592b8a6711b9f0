"""Ranks' lines: who said it in front, and not more than can be read."""

from __future__ import annotations

import io
import json

from rich.console import Console

from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.rank_lines import BURST, LINES_AT_THE_END, RANKS_AT_THE_END, RankLines


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(reporter: Reporter) -> list[str]:
    """What has been printed since the last look."""
    return reporter.console.export_text().splitlines()


def reporter() -> Reporter:
    return Reporter(Console(file=io.StringIO(), record=True, width=200))


def test_a_rank_that_says_too_much_is_cut_short_and_the_others_are_not() -> None:
    clock, told = Clock(), reporter()
    lines = RankLines(told, "out/logs/x", clock)
    lines.add(3, [f"line {number}" for number in range(BURST + 7)])
    lines.add(1, ["here"])
    assert shown(told) == [*(f"[3] line {number}" for number in range(BURST)), "[1] here"]
    clock.now = 10.0
    lines.add(3, ["later"])
    assert shown(told) == ["[3] … 7 lines left out here, all in out/logs/x", "[3] later"]


def test_the_end_of_each_rank_is_shown() -> None:
    told = reporter()
    lines = RankLines(told, "logs", Clock())
    lines.end({0: [str(number) for number in range(100)], 1: [], 2: ["last"]})
    printed = shown(told)
    assert printed[0] == f"[0] … {100 - LINES_AT_THE_END} lines left out here, all in logs"
    assert printed[-2:] == ["[0] 99", "[2] last"]


def test_of_a_large_world_some_ranks_are_shown() -> None:
    told = reporter()
    lines = RankLines(told, "logs", Clock())
    lines.end({rank: ["hello"] for rank in range(1000)})
    printed = shown(told)
    assert len(printed) == RANKS_AT_THE_END + 1
    assert (
        printed[-1] == f"… {1000 - RANKS_AT_THE_END} lines of {1000 - RANKS_AT_THE_END} ranks left out here"
    )


def test_several_lines_in_one_event_and_control_characters() -> None:
    told = reporter()
    RankLines(told, "logs", Clock()).add(0, ["a\n\x1b[31mb", ""])
    assert shown(told) == ["[0] a", "[0] \\x1b[31mb", "[0] "]


def test_a_program_that_reads_events_gets_all_of_it() -> None:
    file = io.StringIO()
    lines = RankLines(Reporter(Console(file=file), mode="json"), "logs", Clock())
    lines.add(0, [str(number) for number in range(500)])
    lines.end({0: ["500"]})
    events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert {event["event"] for event in events} == {"output"}
    assert [line for event in events for line in event["lines"]] == [str(number) for number in range(501)]
