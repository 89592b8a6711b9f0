from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiment.collect import collect, flatten
from experiment.plan import RunSpec, plan
from experiment.prices import load_prices
from experiment.rows import ROW_KEYS
from experiment.runs import Execution, FunctionMemory, Runner
from experiment.sweep import Options, run
from tests.experiment.fakes import DEPLOYMENT, STARTED, FakeTarget, quiet

SPEC = RunSpec(2, 512, None, 1)
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


def test_an_interrupt_stops_the_execution_and_its_functions(target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [{"status": "RUNNING"}, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    assert target.fakes.stepfunctions.stopped == ["arn:aws:states:us-east-1:1:execution:m:x"]
    assert target.functions_stopped


def test_memory_is_set_for_a_while() -> None:
    target = FakeTarget()
    with FunctionMemory(target.clients, DEPLOYMENT) as memory:
        assert memory.set(None) == (3008, 2048)
        assert memory.set(1024) == (1024, 2048)
        assert memory.set(1024) == (1024, 2048)
    assert target.fakes.functions.updates == [1024, 3008]


def test_memory_left_behind_by_a_run_that_was_killed_is_put_right() -> None:
    target = FakeTarget()
    target.fakes.functions.memory_mb = 512
    with FunctionMemory(target.clients, DEPLOYMENT) as memory:
        assert memory.set(None) == (3008, 2048)
    assert target.fakes.functions.memory_mb == 3008


def payload_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"bucket": "state", "world_size": "2", "script": "/tmp/s.py"}))
    return path


def test_a_sweep_goes_on_after_a_failure_and_resumes_only_what_failed(tmp_path: Path) -> None:
    target = FakeTarget()
    payload = payload_file(tmp_path)
    options = Options(plan([], [], [], 2, payload=payload), tmp_path / "out", payload=payload)
    target.fakes.stepfunctions.states = [
        {"status": "FAILED", "error": "InputError", "cause": "no"},
        succeeded(),
    ]
    reporter = quiet()
    assert run(target, options, reporter) is False
    assert target.released == [True]
    assert (tmp_path / "out" / "report.html").exists()
    assert "InputError: no" in reporter.console.export_text()

    again = Options(options.specs, options.output, resume=True, payload=payload)
    target.fakes.stepfunctions.states = [succeeded()]
    assert run(target, again, quiet()) is True
    assert target.released == [True, False]
    assert len(target.fakes.stepfunctions.started) == 3
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [row["status"] for row in rows] == ["succeeded", "succeeded"]


def test_an_interrupted_sweep_keeps_earlier_results_and_reports_them(tmp_path: Path) -> None:
    target = FakeTarget()
    payload = payload_file(tmp_path)
    options = Options(plan([], [], [512], 2, payload=payload), tmp_path / "out", payload=payload)
    target.fakes.stepfunctions.states = [succeeded(), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        run(target, options, quiet())
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())) == 1
    assert (tmp_path / "out" / "report.html").exists()
    assert target.released == [True]
    assert target.fakes.functions.memory_mb == 3008


def test_flatten_names_nested_values_and_keeps_lists_as_json() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2]}) == {"a.b": 1, "a.c.d": 2, "e": "[1, 2]"}


def test_execution_times_are_those_of_step_functions(target: FakeTarget) -> None:
    target.fakes.stepfunctions.states = [succeeded()]
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    assert finished.started_at == STARTED
    assert finished.timings.duration_s == 5
