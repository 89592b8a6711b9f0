from __future__ import annotations

import errno
import io
import json
import os
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from experiment import sweep
from experiment.collect import collect, flatten
from experiment.command import guarded
from experiment.console import Reporter
from experiment.errors import BudgetError, PriceError, TargetError
from experiment.inputs import Input
from experiment.plan import Plan, RunSpec, Setting
from experiment.prices import load_prices
from experiment.rows import ROW_KEYS
from experiment.runs import Execution, FunctionMemory, Runner
from experiment.sweep import Options, dry_run, run
from experiment.sweep_record import read_record
from tests.experiment.fakes import DEPLOYMENT, STARTED, FakeTarget, StepFunctions, quiet

SPEC = RunSpec(2, 512)
PAYLOAD = {"bucket": "state", "world_size": 2, "data_prefix": "sample/16", "result_path": "results/x"}
EXECUTION = Execution(SPEC, "x", PAYLOAD, 3008, 2048)
OUTPUT = {
    "world_size": 2,
    "result_path": "results/x",
    "metrics": {"MAE": 0.02, "R2": 0.95},
    "request_ids": {"initialize": "req-i", "summarize": "req-s"},
}


def succeeded() -> dict[str, Any]:
    return {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)}


def report(request: str, stream: str) -> dict[str, Any]:
    message = (
        f"REPORT RequestId: {request}\tDuration: 1000.00 ms\tBilled Duration: 1100 ms\tMemory Size: 3008 MB\t"
        "Max Memory Used: 400 MB\tInit Duration: 99.50 ms\t\n"
    )
    return {"logStreamName": stream, "timestamp": 1, "message": message}


@pytest.fixture
def target() -> FakeTarget:
    """A target on which ranks 0 and 1 of execution x left everything that they leave."""
    made = FakeTarget()
    s3 = made.fakes.s3
    for rank in (0, 1):
        outcome = {"rank": rank, "status": "succeeded", "request_id": f"req-{rank}", "objects_downloaded": 2}
        s3.put_json(f"executions/x/outcomes/{rank}.json", outcome | {"started_at": 1.0, "traceback": None})
        result = {
            "rank": rank,
            "num_samples": 300,
            "throughput_bps": 5e6,
            "execution_id": "x",
            "s3_num_requests": 4,
        }
        s3.put_json(f"results/x/{rank}.json", result | {"fmi": {"setup_seconds": 0.2}})
        columns = {"object_id": [rank], "z_true": [None], "z_pred": [0.2], "rank": [rank]}
        table = pa.table(columns).cast(
            pa.schema(
                [
                    ("object_id", pa.int64()),
                    ("z_true", pa.float64()),
                    ("z_pred", pa.float64()),
                    ("rank", pa.int32()),
                ]
            )
        )
        sink = io.BytesIO()
        pq.write_table(table, sink)
        s3.objects[f"results/x/{rank}.parquet"] = sink.getvalue()
    made.fakes.logs.events = {
        "/e": [report("req-0", "a"), report("req-1", "b"), report("of-someone-else", "c")],
        "/i": [report("req-i", "d")],
        "/s": [report("req-s", "e")],
    }
    return made


def test_a_run_is_watched_to_its_end_and_collected(target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [{"status": "RUNNING"}, {"status": "RUNNING"}, succeeded()]
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    [started] = target.fakes.stepfunctions.started
    assert started["name"] == "x"
    assert json.loads(started["input"]) == PAYLOAD
    record = collect(target, DEPLOYMENT, finished, load_prices())
    assert tuple(record.row) == ROW_KEYS
    assert record.row["status"] == "succeeded"
    assert record.row["samples"] == 600
    assert record.row["samples_per_s"] == 120
    assert record.row["throughput_bps"] == 1e7
    assert record.row["started_at"].startswith("2026-11-21T10:00:00")
    assert record.row["cost_usd"] == sum(record.row["cost_breakdown"].values())
    assert record.row["cost_breakdown"]["lambda_requests"] == pytest.approx(4 * 2e-7)
    assert [row["report.billed_ms"] for row in record.ranks] == [1100, 1100]
    assert record.ranks[0]["fmi.setup_seconds"] == 0.2
    assert "traceback" not in record.ranks[0]
    assert record.predictions is not None
    assert record.predictions["run_id"].to_pylist() == [SPEC.run_id] * 2
    assert record.predictions["z_true"].null_count == 2


def history(*names: str) -> list[dict[str, Any]]:
    """An execution that entered these states, a second apart."""
    kinds = {"RunRanks": "Map"}
    return [
        {
            "type": f"{kinds.get(name, 'Task')}StateEntered",
            "timestamp": STARTED + timedelta(seconds=second),
            "stateEnteredEventDetails": {"name": name},
        }
        for second, name in enumerate(names)
    ]


def test_every_attempt_of_a_world_is_on_the_bill(target: FakeTarget) -> None:
    def bill(*states: str) -> dict[str, float]:
        target.fakes.stepfunctions.states = [succeeded()]
        target.fakes.stepfunctions.events = history(*states)
        finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
        return collect(target, DEPLOYMENT, finished, load_prices()).row["cost_breakdown"]

    attempt = ("FindRendezvous", "RunRanks", "Summarize")
    once = bill("Initialize", *attempt)
    for rank in (0, 1):
        outcome = {"rank": rank, "status": "failed", "request_id": f"first-{rank}", "objects_downloaded": 3}
        target.fakes.s3.put_json(f"executions/x/attempts/2/outcomes/{rank}.json", outcome)
    twice = bill("Initialize", *attempt, "Reinitialize", *attempt)
    assert once["step_functions"] == pytest.approx((4 + 2 * 2) * 25e-6)
    assert twice["step_functions"] == pytest.approx((8 + 2 * 2 * 2) * 25e-6)
    # Two more ranks: LIST, outcome, result, predictions each; 3 objects of the bundle and 3 reads each.
    assert twice["s3_requests"] - once["s3_requests"] == pytest.approx(2 * 4 * 5e-6 + 2 * (3 + 3) * 4e-7)


def test_a_world_that_does_not_meet_pays_for_no_rendezvous(target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [succeeded()]
    target.fakes.stepfunctions.events = history("Initialize", "NeedsRendezvous", "RunRanks", "Summarize")
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    row = collect(target, DEPLOYMENT, finished, load_prices()).row
    assert row["world_size"] == 2
    assert row["cost_breakdown"]["rendezvous"] == 0


def test_results_of_an_earlier_execution_are_not_taken_for_this_ones(target: FakeTarget) -> None:
    target.fakes.s3.put_json("results/x/1.json", {"rank": 1, "num_samples": 300, "execution_id": "older"})
    target.fakes.stepfunctions.states = [succeeded()]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.row["samples"] == 300
    assert record.predictions is not None
    assert record.predictions.num_rows == 1


def test_a_failed_run_keeps_what_its_ranks_left(target: FakeTarget) -> None:
    cause = json.dumps(
        {"errorType": "RankFailure", "errorMessage": "rank 1 failed: ValueError: x\nTraceback"}
    )
    target.fakes.stepfunctions.states = [{"status": "FAILED", "error": "RankFailure", "cause": cause}]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.row["status"] == "failed"
    assert record.row["error"] == "RankFailure: rank 1 failed: ValueError: x\nTraceback"
    assert len(record.ranks) == 2
    assert record.row["metrics"] == {}


@pytest.mark.parametrize("disturbance", ["none", "Ctrl-C once more", "the terminal is gone"])
def test_an_interrupt_stops_the_execution(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch, disturbance: str
) -> None:
    fake, reporter = target.fakes.stepfunctions, quiet()
    fake.states = [{"status": "RUNNING"}, KeyboardInterrupt()]
    expected: type[BaseException] = KeyboardInterrupt
    if disturbance == "Ctrl-C once more":
        stop = fake.stop_execution

        def interrupted(**arguments: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            stop(**arguments)

        monkeypatch.setattr(fake, "stop_execution", interrupted)
    elif disturbance == "the terminal is gone":
        expected = OSError

        def gone(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(reporter, "say", gone)
    with pytest.raises(expected):
        Runner(target, DEPLOYMENT, reporter).run(EXECUTION)
    assert fake.stopped == ["arn:aws:states:us-east-1:1:execution:m:x"]


def test_whoever_insists_gets_away_and_is_told(target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = target.fakes.stepfunctions
    fake.states = [KeyboardInterrupt()]

    def hangs(**_: object) -> None:
        for _press in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(fake, "stop_execution", hangs)
    with pytest.raises(KeyboardInterrupt, match="may still run"):
        Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_command_is_an_interrupt(number: signal.Signals) -> None:
    def work() -> int:
        os.kill(os.getpid(), number)
        time.sleep(60)
        return 0

    assert guarded(work, quiet()) == 130


def test_memory_is_set_for_a_while() -> None:
    target = FakeTarget()
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(None) == (3008, 2048)
        assert memory.set(1024) == (1024, 2048)
        assert memory.set(1024) == (1024, 2048)
    assert target.fakes.functions.updates == [1024, 3008]


def test_memory_that_cannot_be_put_back_is_said() -> None:
    target = FakeTarget()
    refused = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "Update")

    def refuse(**_: object) -> None:
        raise refused

    with (
        pytest.raises(TargetError, match="put back to 3008 MB"),
        FunctionMemory(target, DEPLOYMENT, print) as memory,
    ):
        memory.set(512)
        target.fakes.functions.update_function_configuration = refuse  # type: ignore[method-assign]


def test_memory_left_behind_by_a_run_that_was_killed_is_put_right() -> None:
    target = FakeTarget()
    target.fakes.functions.memory_mb = 512
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(None) == (3008, 2048)
    assert target.fakes.functions.memory_mb == 3008


def test_the_memory_of_what_others_run_is_not_changed_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    target = FakeTarget()
    target.fakes.stepfunctions.running = [["x:theirs"], ["x:theirs"]]
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(1024) == (1024, 2048)
        assert target.fakes.stepfunctions.running == [], "it was changed before theirs had ended"
        target.fakes.stepfunctions.running = [["x:theirs again"]]
    assert target.fakes.functions.updates == [1024]
    assert capsys.readouterr().out.count("Waiting for theirs, which runs with 3008 MB") == 1


def test_a_deployment_that_was_taken_down_has_no_memory_to_put_back() -> None:
    target = FakeTarget()

    def gone(**_: object) -> dict[str, Any]:
        raise target.fakes.functions.exceptions.ResourceNotFoundException("no function")

    with pytest.raises(ValueError, match="what happened"), FunctionMemory(target, DEPLOYMENT, print):
        target.fakes.functions.get_function_configuration = gone  # type: ignore[method-assign]
        raise ValueError("what happened")


def test_a_run_whose_ranks_had_another_memory_than_asked_for_says_so(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "new_execution_id", lambda _: "x")
    target.fakes.stepfunctions.states = [succeeded()]
    reporter = quiet()
    assert run(target, options(tmp_path, repetitions=1, memory_mb=1024), reporter) is True
    said = " ".join(reporter.console.export_text().split())
    assert "had 3008 MB of memory instead of 1024" in said


def options(tmp_path: Path, *, repetitions: int = 2, memory_mb: int | None = None, **more: Any) -> Options:  # noqa: ANN401 - any of the dataclass's fields
    payload = tmp_path / "mine.json"
    payload.write_text(json.dumps({"bucket": "state", "world_size": "2", "script": "/tmp/s.py"}))
    plan = Plan((Setting(memory_mb=memory_mb),), repetitions, source="mine")
    return Options(plan, tmp_path / "out", Input(payload=payload), **more)


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


def test_a_plan_above_the_budget_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    with pytest.raises(BudgetError, match="--yes"):
        run(target, options(tmp_path, budget_usd=1e-9), quiet())
    assert target.fakes.stepfunctions.started == []
    assert target.fakes.functions.updates == []


def test_whoever_agrees_may_spend_it(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    target.fakes.stepfunctions.states = [succeeded()]
    asked: list[str] = []

    def yes(question: str) -> str:
        asked.append(question)
        return "y"

    assert run(target, options(tmp_path, repetitions=1, budget_usd=1e-9, ask=yes), quiet())
    assert len(asked) == 1
    target.fakes.stepfunctions.states = []
    with pytest.raises(BudgetError, match="did not agree"):
        run(
            target,
            replace(options(tmp_path, budget_usd=1e-9, ask=lambda _: ""), output=tmp_path / "b"),
            quiet(),
        )


def test_a_sweep_that_costs_more_than_predicted_stops_at_the_budget(
    tmp_path: Path, target: FakeTarget
) -> None:
    target.name = "aws"
    target.fakes.s3.put_json("executions/x/outcomes/0.json", {"rank": 0})
    # What was billed is found in the logs: far more than the forecast.
    dear = report("req-i", "d") | {
        "message": report("req-i", "d")["message"].replace("1100 ms", "6000000 ms")
    }
    target.fakes.logs.events["/i"] = [dear]
    target.fakes.stepfunctions.states = [succeeded(), succeeded()]
    with pytest.raises(BudgetError, match="--resume"):
        run(target, options(tmp_path, budget_usd=0.05), quiet())
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(rows) == 1
    assert rows[0]["cost_usd"] > 0.05


def test_a_region_without_prices_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    target.deployment = replace(DEPLOYMENT, region="xx-nowhere-1")
    with pytest.raises(PriceError, match=r"xx-nowhere-1.*refresh_prices"):
        run(target, options(tmp_path), quiet())
    assert target.fakes.stepfunctions.started == []
    assert target.released == [True]


def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    target = FakeTarget("aws")
    reporter = quiet()
    made = dry_run(target, options(tmp_path, memory_mb=1024), reporter)
    text = reporter.console.export_text()
    assert "mine-m1024-1" in text
    assert "2 runs" in text
    assert made.cost_usd > 0
    assert made.seconds > 0
    assert target.fakes.stepfunctions.started == []
    assert not (tmp_path / "out").exists()


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


def test_a_killed_rank_is_found_in_the_logs_by_the_error_of_the_service(target: FakeTarget) -> None:
    request = "11111111-2222-3333-4444-555555555555"
    s3 = target.fakes.s3
    del s3.objects["executions/x/outcomes/1.json"]
    s3.put_json(
        "executions/x/failures/1.json",
        {
            "Error": "Sandbox.Timedout",
            "Cause": json.dumps(
                {"errorMessage": f"RequestId: {request} Error: Task timed out after 3.00 seconds"}
            ),
        },
    )
    target.fakes.logs.events["/e"].append(report(request, "k"))
    target.fakes.stepfunctions.states = [{"status": "FAILED", "error": "RankFailure", "cause": "x"}]
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    record = collect(target, DEPLOYMENT, finished, load_prices())
    assert [row["report.request_id"] for row in record.ranks] == ["req-0", request]
    assert record.ranks[1]["error_type"] == "Sandbox.Timedout"
    assert record.row["reports_found"] == record.row["reports_expected"] == 2


def test_flatten_names_nested_values_and_keeps_lists_as_json() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2]}) == {"a.b": 1, "a.c.d": 2, "e": "[1, 2]"}


def test_execution_times_are_those_of_step_functions(target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [succeeded()]
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    assert finished.started_at == STARTED
    assert finished.timings.duration_s == 5
