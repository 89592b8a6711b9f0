"""Summarize refuses what is not whole, names the root cause, and combines the rest."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from containers.executor import clients, outcomes
from containers.executor.handlers import summarize
from containers.executor.handlers.summarize import (
    MOST_REFUSED,
    PartitionsRefused,
    RankFailure,
    ResultMissing,
    WorldLost,
)
from cosmic_fmi.common.contract.outcome import Outcome
from tests.containers.executor.conftest import ATTEMPT, BUCKET
from tests.support.breaking_s3 import breaking_s3

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PATH = "my results/1"


def event(world_size: int = 2, required: bool = True, started_s_ago: float = 5) -> dict[str, Any]:
    started = datetime.now(UTC) - timedelta(seconds=started_s_ago)
    return {
        "execution_id": "run-7",
        "attempt": 1,
        "outcome_prefix": "executions/run-7/outcomes",
        "bucket": BUCKET,
        "data_bucket": None,
        "state_bucket": BUCKET,
        "world_size": world_size,
        "working_ranks": world_size,
        "result_path": PATH,
        "result_required": required,
        "started_at": started.isoformat().replace("+00:00", "Z"),
        "warnings": [],
        "request_ids": {"initialize": "request-0"},
        "map": {"MapRunArn": "not trusted"},
    }


def write_outcome(rank: int, **changes: Any) -> None:  # noqa: ANN401
    written = Outcome(rank=rank, status="failed" if changes else "succeeded", **changes)
    outcomes.write(BUCKET, ATTEMPT.outcome(rank), written)


def write_result(s3: S3Client, rank: int, body: object) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{PATH}/{rank}.json", Body=json.dumps(body))


def test_results_are_combined_in_rank_order(s3: S3Client, context: SimpleNamespace) -> None:
    for rank in (1, 0):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank, "num_samples": 10 + rank, "world_metrics": {"MAE": 0.1}})
    summary = summarize.handler(event(), context)
    assert summary == {
        "execution_id": "run-7",
        "status": "succeeded",
        "world_size": 2,
        "bucket": BUCKET,
        "result_path": PATH,
        "attempt": 1,
        "outcome_prefix": "executions/run-7/outcomes",
        "combined_key": f"{PATH}/combined_data.json",
        "predictions_key": None,
        "samples": 21,
        "metrics": {"MAE": 0.1},
        "warnings": [],
        "request_ids": {"initialize": "request-0", "summarize": "request-1"},
    }
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=summary["combined_key"])["Body"].read())
    assert [result["rank"] for result in combined] == [0, 1]


def test_predictions_are_concatenated(s3: S3Client, context: SimpleNamespace) -> None:
    for rank in range(3):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank})
    for rank in (2, 0):  # rank 1 had no samples
        write_predictions(s3, rank, {"object_id": [rank * 10, rank * 10 + 1]})
    summary = summarize.handler(event(3), context)
    table = pq.read_table(
        io.BytesIO(s3.get_object(Bucket=BUCKET, Key=summary["predictions_key"])["Body"].read())
    )
    assert table["object_id"].to_pylist() == [0, 1, 20, 21]


def write_predictions(s3: S3Client, rank: int, columns: dict[str, Any]) -> None:
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    s3.put_object(Bucket=BUCKET, Key=f"{PATH}/{rank}.parquet", Body=body.getvalue())


def test_predictions_of_different_types_and_columns_are_concatenated(
    s3: S3Client, context: SimpleNamespace
) -> None:
    tables: list[dict[str, Any]] = [{"z": [0.5], "true": [1]}, {"z": [1]}, {"z": pa.nulls(1)}]
    for rank, columns in enumerate(tables):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank})
        write_predictions(s3, rank, columns)
    key = summarize.handler(event(3), context)["predictions_key"]
    table = pq.read_table(io.BytesIO(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))
    assert table.to_pydict() == {"z": [0.5, 1.0, None], "true": [1, None, None]}


def test_predictions_that_cannot_be_combined_are_named_and_left_out(
    s3: S3Client, context: SimpleNamespace
) -> None:
    tables: list[dict[str, Any]] = [{"z": [0.5]}, {"z": ["high"]}, {"w": ["low"]}, {"w": [1.5]}]
    for rank, columns in enumerate(tables):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank})
        write_predictions(s3, rank, columns)
    summary = summarize.handler(event(4), context)
    assert combined_predictions(s3, summary) == {"z": [0.5, None], "w": [None, "low"]}
    assert [warning.partition(",")[0] for warning in summary["warnings"]] == [
        "The predictions of rank 1",
        "The predictions of rank 3",
    ]
    assert f"{PATH}/1.parquet" in summary["warnings"][0]
    assert s3.get_object(Bucket=BUCKET, Key=f"{PATH}/1.parquet")["ContentLength"] > 0


def test_ids_above_and_below_2_to_the_63_are_combined(s3: S3Client, context: SimpleNamespace) -> None:
    tables: list[dict[str, Any]] = [
        {"object_id": pa.array([1], pa.int64())},
        {"object_id": pa.array([2**63 + 1], pa.uint64())},
        {"object_id": [[1]]},
    ]
    for rank, columns in enumerate(tables):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank})
        write_predictions(s3, rank, columns)
    summary = summarize.handler(event(3), context)
    assert combined_predictions(s3, summary) == {"object_id": [1, 2**63 + 1]}
    assert [warning.partition(",")[0] for warning in summary["warnings"]] == ["The predictions of rank 2"]


def test_damaged_predictions_are_named_and_left_out(s3: S3Client, context: SimpleNamespace) -> None:
    for rank in range(2):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank})
        write_predictions(s3, rank, {"z": [0.5 + rank]})
    whole = s3.get_object(Bucket=BUCKET, Key=f"{PATH}/0.parquet")["Body"].read()
    for damaged in (b"no Parquet", whole[:-20], b"PAR1" + bytes(30) + whole[34:]):
        s3.put_object(Bucket=BUCKET, Key=f"{PATH}/0.parquet", Body=damaged)
        summary = summarize.handler(event(), context)
        assert combined_predictions(s3, summary) == {"z": [1.5]}
        [warning] = summary["warnings"]
        assert warning.startswith(f"The predictions of rank 0, {PATH}/0.parquet, are not among the combined")


def combined_predictions(s3: S3Client, summary: dict[str, Any]) -> dict[str, Any]:
    body = s3.get_object(Bucket=BUCKET, Key=summary["predictions_key"])["Body"].read()
    content: dict[str, Any] = pq.read_table(io.BytesIO(body)).to_pydict()
    return content


@pytest.mark.parametrize(
    "own",
    [
        {"num_samples": "many", "world_metrics": "good"},
        {"num_samples": -3, "world_metrics": ["MAE", 0.1]},
        {"num_samples": True, "refused_partitions": {"all": 1}},
        {"num_samples": [7], "world_metrics": {"MAE": "low"}, "refused_partitions": [1, 2]},
    ],
)
def test_a_result_of_a_script_s_own_form_is_no_error(
    s3: S3Client, context: SimpleNamespace, own: dict[str, Any]
) -> None:
    write_outcome(0)
    write_result(s3, 0, own)
    summary = summarize.handler(event(1), context)
    assert (summary["samples"], summary["metrics"]) == (0, {})
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=summary["combined_key"])["Body"].read())
    assert combined == [own]


def test_what_a_script_of_ones_own_writes_into_its_result_is_taken_as_it_is(
    s3: S3Client, context: SimpleNamespace
) -> None:
    write_outcome(0)
    write_outcome(1)
    write_result(s3, 0, {"num_samples": "12", "world_metrics": {"MAE": float("nan")}})
    write_result(s3, 1, {"num_samples": float("inf"), "loss": "high", "refused_partitions": 0})
    summary = summarize.handler(event(), context)
    assert (summary["samples"], summary["metrics"]) == (12, {"MAE": None})
    json.dumps(summary, allow_nan=False)
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=summary["combined_key"])["Body"].read())
    assert combined[1] == {"num_samples": None, "loss": "high", "refused_partitions": 0}


@pytest.mark.parametrize("bad", [1, 2, 500])
def test_what_could_be_used_is_combined_before_a_bad_partition_fails_the_execution(
    s3: S3Client, context: SimpleNamespace, bad: int
) -> None:
    refused = [f"s3://b/25MB/{number}.pt: is truncated." for number in range(bad)]
    for rank, own in enumerate([[], refused[:1], refused[1:]]):
        write_outcome(rank)
        write_result(s3, rank, {"rank": rank, "num_samples": 1000, "refused_partitions": own})
        write_predictions(s3, rank, {"object_id": [rank]})
    with pytest.raises(PartitionsRefused) as caught:
        summarize.handler(event(3), context)
    first, *others = str(caught.value).splitlines()
    assert first == (
        f"{bad} partition{'s' if bad > 1 else ''} could not be used: s3://b/25MB/0.pt: is truncated. "
        f"All others are predicted (3,000 objects): {PATH}/predictions.parquet and {PATH}/combined_data.json "
        f"in bucket {BUCKET}."
    )
    assert others[: MOST_REFUSED - 1] == refused[1:MOST_REFUSED]
    assert others[MOST_REFUSED - 1 :] == (
        [f"… and 450 more: see refused_partitions in {PATH}/combined_data.json"] if bad == 500 else []
    )
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{PATH}/combined_data.json")["Body"].read())
    assert [reason for result in combined for reason in result["refused_partitions"]] == refused
    predicted = s3.get_object(Bucket=BUCKET, Key=f"{PATH}/predictions.parquet")["Body"].read()
    assert pq.read_table(io.BytesIO(predicted))["object_id"].to_pylist() == [0, 1, 2]


@pytest.mark.usefixtures("s3")
def test_a_world_without_results_succeeds_when_none_are_asked_for(context: SimpleNamespace) -> None:
    write_outcome(0)
    summary = summarize.handler(event(1, required=False), context)
    assert (summary["combined_key"], summary["samples"], summary["metrics"]) == (None, 0, {})


def test_a_missing_result_is_refused(s3: S3Client, context: SimpleNamespace) -> None:
    for rank in range(4):
        write_outcome(rank)
    write_result(s3, 1, {})
    with pytest.raises(ResultMissing, match=r"^Ranks 0, 2, 3 wrote no result: .*my results/1/<rank>\.json"):
        summarize.handler(event(4), context)


def test_a_rank_without_data_may_leave_no_result(s3: S3Client, context: SimpleNamespace) -> None:
    for rank in range(3):
        write_outcome(rank)
    for rank in range(2):
        write_result(s3, rank, {"rank": rank})
    summary = summarize.handler(event(3) | {"working_ranks": 2}, context)
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=summary["combined_key"])["Body"].read())
    assert [result["rank"] for result in combined] == [0, 1]


def test_results_may_lie_in_the_datas_bucket(s3: S3Client, context: SimpleNamespace) -> None:
    s3.create_bucket(Bucket="data-bucket")
    for rank in range(2):
        write_outcome(rank)
    s3.put_object(Bucket="data-bucket", Key=f"{PATH}/0.json", Body=b'{"rank": 0}')
    write_result(s3, 1, {"rank": 1})
    summary = summarize.handler(event() | {"data_bucket": "data-bucket"}, context)
    combined = json.loads(s3.get_object(Bucket=BUCKET, Key=summary["combined_key"])["Body"].read())
    assert [result["rank"] for result in combined] == [0, 1]


def test_missing_results_may_be_where_another_executions_payload_said(
    s3: S3Client, context: SimpleNamespace
) -> None:
    write_outcome(0)
    other = {"execution_id": "run-8", "bucket": BUCKET, "result_path": "elsewhere"}
    s3.put_object(Bucket=BUCKET, Key="payload.json", Body=json.dumps(other))
    with pytest.raises(ResultMissing, match=r"Execution run-8 has replaced payload\.json .* PAYLOAD_KEY"):
        summarize.handler(event(1) | {"data_bucket": BUCKET}, context)


def test_a_result_of_an_earlier_execution_is_refused(s3: S3Client, context: SimpleNamespace) -> None:
    write_outcome(0)
    write_result(s3, 0, {})
    with pytest.raises(ResultMissing, match=r"^Rank 0 wrote no result"):
        summarize.handler(event(1, started_s_ago=-60), context)


@pytest.mark.parametrize(("body", "what"), [(b"{", "is not JSON"), (b"[]", "is not a JSON object")])
def test_a_result_that_cannot_be_read_is_refused(
    s3: S3Client, context: SimpleNamespace, body: bytes, what: str
) -> None:
    write_outcome(0)
    s3.put_object(Bucket=BUCKET, Key=f"{PATH}/0.json", Body=body)
    with pytest.raises(ResultMissing, match=what):
        summarize.handler(event(1), context)


@pytest.mark.usefixtures("s3")
def test_the_root_cause_is_named_before_its_consequences(context: SimpleNamespace) -> None:
    write_outcome(0, error_type="PeerFailure", error_message="rank 2 failed", ended_at=1.0)
    write_outcome(1, error_type="Timeout", error_message="missing: rank 2", ended_at=2.0)
    write_outcome(
        2,
        error_type="ValueError",
        error_message="no such band",
        ended_at=3.0,
        traceback="Traceback (most recent call last):\n  …",
    )
    write_outcome(3)
    with pytest.raises(RankFailure) as caught:
        summarize.handler(event(4), context)
    first, *rest = str(caught.value).splitlines()
    assert first == "rank 2 failed: ValueError: no such band (3 of 4 ranks failed: 0, 1, 2)"
    assert rest[0] == "Traceback (most recent call last):"


@pytest.mark.usefixtures("s3")
def test_the_earliest_of_several_own_errors_is_the_root_cause(context: SimpleNamespace) -> None:
    write_outcome(0, error_type="KeyError", error_message="'late'", ended_at=9.0)
    write_outcome(1, error_type="OSError", error_message="early", ended_at=8.0)
    with pytest.raises(RankFailure, match=r"^rank 1 failed: OSError: early"):
        summarize.handler(event(2), context)


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ('{"errorMessage": "Task timed out after 900.00 seconds"}', "Task timed out after 900.00 seconds"),
        ("Rate exceeded", "Rate exceeded"),
    ],
)
def test_a_killed_rank_is_named_with_what_the_state_machine_recorded(
    s3: S3Client, context: SimpleNamespace, cause: str, message: str, quoted: bool
) -> None:
    write_outcome(0, error_type="PeerFailure", error_message="rank 1 left", ended_at=1.0)
    recorded = json.dumps({"Error": "Sandbox.Timedout", "Cause": cause})
    body = json.dumps(recorded) if quoted else recorded
    s3.put_object(Bucket=BUCKET, Key=ATTEMPT.failure(1), Body=body)
    with pytest.raises(RankFailure, match=f"^rank 1 failed: Sandbox.Timedout: {message} "):
        summarize.handler(event(2), context)


@pytest.mark.usefixtures("s3")
def test_a_rank_without_any_trace_failed(context: SimpleNamespace) -> None:
    with pytest.raises(RankFailure, match=r"^rank 0 failed: NoOutcome: the rank left no outcome"):
        summarize.handler(event(1), context)


@pytest.mark.usefixtures("s3")
def test_the_outcomes_of_an_earlier_attempt_do_not_count(context: SimpleNamespace) -> None:
    write_outcome(0)
    with pytest.raises(WorldLost, match=r"^rank 0 failed in attempt 2: NoOutcome"):
        summarize.handler(event(1) | {"attempt": 2}, context)


@pytest.mark.usefixtures("aws")
def test_an_outcome_whose_connection_breaks_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Outcome(rank=3, status="succeeded")
    with breaking_s3(json.dumps(asdict(written)).encode()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        clients.forget()
        try:
            server.breaks = 1
            assert outcomes.read(BUCKET, ATTEMPT, 3) == written
        finally:
            clients.forget()
