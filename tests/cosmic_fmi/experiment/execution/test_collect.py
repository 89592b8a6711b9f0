"""What a finished execution left is collected: results, failures, requests and what they cost."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.execution.collect import collect
from cosmic_fmi.experiment.execution.runner import Runner
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import flatten
from cosmic_fmi.experiment.schema import ROW_KEYS
from tests.cosmic_fmi.experiment.support.executions import (
    EXECUTION,
    OUTPUT,
    PAYLOAD,
    SPEC,
    history,
    report,
    succeeded,
)
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, STARTED, FakeTarget, quiet


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


WILD: list[dict[str, Any]] = [
    {"num_samples": "many", "throughput_bps": "fast", "s3_bytes": [1], "s3_num_requests": {}},
    {"phases": ["all"], "fmi": "off", "metrics": 3, "world_metrics": "good"},
    {"phases": {"import": "long"}, "fmi": {"setup_seconds": "0.2 s"}, "world_metrics": {"MAE": []}},
    {"run_id": "mine", "warm_up": "yes", "started_at": "now", "report": {"billed_ms": "x"}, "status": 0},
    {"num_samples": 1e400, "deep": {"er": {"and": [{"deeper": "\ud800"}]}}, "=1+1": "=1+1"},
]


@pytest.mark.parametrize("own", WILD, ids=json.dumps)
def test_a_result_of_a_script_s_own_form_ends_no_run(
    target: FakeTarget, tmp_path: Path, own: dict[str, Any]
) -> None:
    target.fakes.s3.put_json("results/x/1.json", own)
    target.fakes.stepfunctions.states = [succeeded()]
    finished = Runner(target, DEPLOYMENT, quiet()).run(EXECUTION)
    record = collect(target, DEPLOYMENT, finished, load_prices())
    assert record.row["samples"] == 300
    assert [row["run_id"] for row in record.ranks] == [SPEC.run_id] * 2
    assert record.ranks[1]["status"] == "succeeded"
    assert record.ranks[1]["report.billed_ms"] == 1100
    Summary(tmp_path).add(record)
    read = Summary(tmp_path, resume=True, read_only=True)
    assert [row["rank"] for row in read.ranks] == ["0", "1"]


def test_what_of_a_result_does_not_fit_is_named(target: FakeTarget) -> None:
    target.fakes.s3.put_json(
        "results/x/1.json", {"num_samples": "many", "metrics": {"MAE": 0.1, "best": "u"}}
    )
    target.fakes.stepfunctions.states = [succeeded()]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    named = [
        'in its result num_samples: "many" is no whole number from 0',
        'in its result metrics.best: "u" is no number',
    ]
    assert record.ranks[1]["left_out"] == "; ".join(named)
    assert "left_out" not in record.ranks[0]
    assert record.left_out == [f"rank 1: {what}" for what in named]
    assert record.ranks[1]["metrics.MAE"] == 0.1


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"galaxy": ["NGC 1300"]}, "has no column object_id or z_true or z_pred or rank"),
        ({"object_id": [1.5], "z_true": [0.1], "z_pred": [0.1], "rank": [1]}, "does not hold the types"),
        (None, "is no Parquet file, or a damaged one"),
    ],
)
def test_predictions_of_another_schema_are_named_and_left_out(
    target: FakeTarget, columns: dict[str, Any] | None, reason: str
) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns or {"object_id": [1]}), sink)
    body = sink.getvalue() if columns else sink.getvalue()[:-9]
    target.fakes.s3.objects["results/x/1.parquet"] = body
    target.fakes.stepfunctions.states = [succeeded()]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.predictions is not None
    assert record.predictions["object_id"].to_pylist() == [0]
    [named] = record.left_out
    assert named.startswith(f"rank 1: its predictions file {reason}")


def test_predictions_that_bring_a_run_id_get_this_one_s(target: FakeTarget) -> None:
    table = pa.table({"run_id": ["mine"], "object_id": [7], "z_true": [0.1], "z_pred": [0.1], "rank": [1]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    target.fakes.s3.objects["results/x/1.parquet"] = sink.getvalue()
    target.fakes.stepfunctions.states = [succeeded()]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.predictions is not None
    assert record.predictions["run_id"].to_pylist() == [SPEC.run_id] * 2


@pytest.mark.parametrize(
    ("ids", "expected"),
    [(pa.array([2**63 + 1], pa.uint64()), [0, 2**63 + 1]), (["J1237+62"], ["0", "J1237+62"])],
)
def test_ids_of_any_kind_and_further_columns_are_kept(
    target: FakeTarget, ids: object, expected: list[Any]
) -> None:
    columns = {"z_true": [0.1], "z_pred": [0.1], "rank": [1], "flags": [64], "ra": [12.5]}
    sink = io.BytesIO()
    pq.write_table(pa.table({"object_id": ids, **columns}), sink)
    target.fakes.s3.objects["results/x/1.parquet"] = sink.getvalue()
    target.fakes.stepfunctions.states = [succeeded()]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.predictions is not None
    assert record.predictions["object_id"].to_pylist() == expected
    assert record.predictions["ra"].to_pylist() == [None, 12.5]
    assert record.left_out == []


@pytest.mark.parametrize("metrics", [["MAE", 1], "good", {"MAE": "low"}, 7])
def test_metrics_that_are_none_are_empty(target: FakeTarget, metrics: object) -> None:
    output = json.dumps(OUTPUT | {"metrics": metrics})
    target.fakes.stepfunctions.states = [{"status": "SUCCEEDED", "output": output}]
    record = collect(target, DEPLOYMENT, Runner(target, DEPLOYMENT, quiet()).run(EXECUTION), load_prices())
    assert record.row["metrics"] == {}
