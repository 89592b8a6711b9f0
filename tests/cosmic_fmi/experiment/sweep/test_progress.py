from __future__ import annotations

import io
import json
import time

import pytest
from rich.console import Console

from cosmic_fmi.common.durations import duration
from cosmic_fmi.experiment.execution.rank_states import RankStates
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.sweep.progress import SweepProgress
from cosmic_fmi.experiment.ui.console import Reporter

ONE, TWO = RunSpec(world_size=4), RunSpec(world_size=8)
PREDICTED = {ONE.run_id: 10.0, TWO.run_id: 30.0}


def until_shown(screen: io.StringIO, *words: str) -> None:
    """Wait until the live lines have said all of this."""
    deadline = time.monotonic() + 60
    while not all(word in screen.getvalue() for word in words):
        assert time.monotonic() < deadline, screen.getvalue()[-2000:]
        time.sleep(0.05)


def test_a_terminal_shows_executions_ranks_time_and_cost_live() -> None:
    screen = io.StringIO()
    reporter = Reporter(Console(file=screen, force_terminal=True, width=120, color_system=None))
    with SweepProgress(reporter, PREDICTED, free=False) as progress:
        with progress.run(ONE, 4):
            until_shown(screen, "0 of 2", "starting", "left (")
            progress.ranks(RankStates(waiting=1, running=2, failed=1))
            until_shown(screen, "1 waiting, 2 running, 1 failed")
        progress.finished(ONE, "failed", 9.0, 0.25)
        until_shown(screen, "1 of 2", "1 failed", "$0.2500 so far")
        with progress.run(TWO, 8):
            until_shown(screen, "w8-1")
        progress.finished(TWO, "succeeded", 30.0, 0.5)
    assert "Run 2 of 2, w8-1: succeeded in 30.0 s, $0.5000; $0.7500 so far" in screen.getvalue()


def test_a_log_file_gets_plain_lines_and_what_is_left() -> None:
    lines = io.StringIO()
    with SweepProgress(Reporter(Console(file=lines, width=200)), PREDICTED, free=True) as progress:
        with progress.run(ONE, 4):
            progress.ranks(RankStates(running=4))
        progress.finished(ONE, "succeeded", 9.0, 0.25)
    first, second = lines.getvalue().splitlines()
    assert first == "Run 1 of 2, w4-1 ..."
    assert second.startswith(
        "Run 1 of 2, w4-1: succeeded in 9.0 s, $0.2500 on AWS; $0.2500 on AWS so far, about "
    )
    assert second.endswith(" left")


def test_ranks_are_an_event_only_when_they_change() -> None:
    lines = io.StringIO()
    reporter = Reporter(Console(file=lines), mode="json")
    with SweepProgress(reporter, PREDICTED, free=True) as progress, progress.run(ONE, 4):
        for states in (RankStates(running=4), RankStates(running=4), RankStates(running=3, succeeded=1)):
            progress.ranks(states)
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [event["running"] for event in events if event["event"] == "ranks"] == [4, 3]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
