"""A sweep from its first run to its report: failures, interrupts, and what it says meanwhile."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cosmic_fmi.experiment.plan.record import read_record
from cosmic_fmi.experiment.sweep.session import Options, run
from cosmic_fmi.experiment.ui.console import Reporter
from tests.cosmic_fmi.experiment.support.executions import options, succeeded
from tests.cosmic_fmi.experiment.support.fakes import FakeTarget, StepFunctions, quiet


def test_a_sweep_goes_on_after_a_failure_and_resumes_only_what_failed(tmp_path: Path) -> None:
    target = FakeTarget()
    target.fakes.stepfunctions.states = [
        {"status": "FAILED", "error": "InputError", "cause": "no"},
        succeeded(),
    ]
    reporter = quiet()
    assert run(target, options(tmp_path), reporter) is False
    assert target.released == [True]
    assert (tmp_path / "out" / "report.html").exists()
    assert "InputError: no" in reporter.console.export_text()

    target.fakes.stepfunctions.states = [succeeded()]
    assert run(target, options(tmp_path, resume=True), quiet()) is True
    assert target.released == [True, False]
    assert len(target.fakes.stepfunctions.started) == 3
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [row["status"] for row in rows] == ["succeeded", "succeeded"]
    assert sorted(row["order"] for row in rows) == [0, 1]


def test_an_interrupted_sweep_keeps_earlier_results_and_what_was_stopped(tmp_path: Path) -> None:
    target = FakeTarget()
    target.fakes.stepfunctions.states = [succeeded(), KeyboardInterrupt(), {"status": "ABORTED"}]
    with pytest.raises(KeyboardInterrupt):
        run(target, options(tmp_path, memory_mb=512), quiet())
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [row["status"] for row in rows] == ["succeeded", "aborted"]
    assert len(target.fakes.stepfunctions.stopped) == 1
    assert (tmp_path / "out" / "report.html").exists()
    assert target.released == [True]
    assert target.fakes.functions.memory_mb == 3008

    target.fakes.stepfunctions.states = [succeeded()]
    record = read_record(tmp_path / "out")
    again = Options(record.plan, tmp_path / "out", record.input, resume=True)
    assert run(target, again, quiet()) is True
    assert len(target.fakes.stepfunctions.started) == 3


def test_what_an_execution_warns_of_is_shown(tmp_path: Path) -> None:
    target = FakeTarget()
    ended = succeeded()
    said = {**json.loads(ended["output"]), "warnings": ["Execution other still needs payload.json."]}
    target.fakes.stepfunctions.states = [{**ended, "output": json.dumps(said)}]
    reporter = quiet()
    reporter.mode = "quiet"
    assert run(target, options(tmp_path, repetitions=1), reporter) is True
    assert "Execution other still needs payload.json." in reporter.console.export_text()


def test_scripts_get_json_lines(tmp_path: Path) -> None:
    target = FakeTarget()
    states = {"pending": 0, "running": 1, "succeeded": 1, "failed": 0, "timedOut": 0, "aborted": 0}
    target.fakes.stepfunctions.map_runs = [states]
    target.fakes.stepfunctions.states = [{"status": "RUNNING"}, succeeded()]
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=40), mode="json")
    assert run(target, options(tmp_path, repetitions=1), reporter)
    events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert all({"time", "event"} <= event.keys() for event in events)
    named = {event["event"]: event for event in events}
    assert named["run_started"] | {"time": 0} == {
        "time": 0,
        "event": "run_started",
        "run_id": "mine-1",
        "number": 1,
        "of": 1,
        "ranks": 2,
    }
    assert (named["ranks"]["running"], named["ranks"]["succeeded"]) == (1, 1)
    assert named["run_finished"]["status"] == "succeeded"
    assert Path(named["report"]["path"]).is_file()


def test_quiet_says_only_what_failed_and_where_the_report_is(tmp_path: Path, target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [
        succeeded(),
        {"status": "FAILED", "error": "InputError", "cause": "no"},
    ]
    file = io.StringIO()
    assert not run(target, options(tmp_path), Reporter(Console(file=file, width=300), mode="quiet"))
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert "InputError: no" in lines[0]
    assert lines[1].startswith("Report: ")


def test_a_rank_that_fails_is_shown_with_its_last_lines_while_others_run(
    tmp_path: Path, target: FakeTarget
) -> None:
    failed = {
        "rank": 1,
        "status": "failed",
        "error_type": "ValueError",
        "error_message": "no such band",
        "output_tail": ["reading", "band x"],
        "traceback": "Traceback (most recent call last):\nValueError: no such band",
    }
    other = failed | {"rank": 0, "error_type": "PeerFailure", "error_message": "rank 1 failed"}

    class Watched(StepFunctions):
        """Looks at what is on the screen by the time that the execution is described a second time."""

        shown = ""

        def describe_execution(self, **arguments: object) -> dict[str, Any]:
            if len(self.states) == 1:
                self.shown = reporter.console.export_text(clear=False)
            name = self.started[-1]["name"]
            target.fakes.s3.put_json(f"executions/{name}/outcomes/1.json", failed)
            target.fakes.s3.put_json(f"executions/{name}/outcomes/0.json", other)
            return super().describe_execution(**arguments)

    states = {"pending": 0, "running": 1, "succeeded": 0, "failed": 1, "timedOut": 0, "aborted": 0}
    reporter = quiet()
    watched = Watched([{"status": "RUNNING"}, {"status": "FAILED", "error": "RankFailure", "cause": "x"}])
    watched.map_runs = [states]
    target.fakes.stepfunctions = watched
    run(target, options(tmp_path, repetitions=1), reporter)
    assert "Rank 1 failed: ValueError: no such band" in watched.shown
    assert "[1] band x" in watched.shown
    assert "Rank 0" not in reporter.console.export_text(clear=False)
