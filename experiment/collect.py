"""Gather what a finished execution left behind in S3 and in the logs into one record."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from experiment import cost
from experiment.logs import Invocation, collect_invocations
from experiment.plan import number
from experiment.runs import Finished
from experiment.targets import Deployment, Target

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PREDICTION_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("object_id", pa.int64()),
        ("z_true", pa.float64()),
        ("z_pred", pa.float64()),
        ("rank", pa.int32()),
    ]
)
_NOT_IN_CSV = ("traceback", "output_tail", "request_ids")


@dataclass
class RunRecord:
    """One run: its row of ``summary.json``, its rows of ``ranks.csv``, its predictions, and what its ranks
    printed, by rank.
    """

    row: dict[str, Any]
    ranks: list[dict[str, Any]] = field(default_factory=list)
    predictions: pa.Table | None = None
    output: dict[int, list[str]] = field(default_factory=dict)


def collect(target: Target, deployment: Deployment, finished: Finished) -> RunRecord:
    """Everything known about a run. What a failed run did not write is left out, never invented."""
    s3 = target.clients.s3
    outcomes = _read_json_objects(
        s3, deployment.bucket, f"executions/{finished.execution.execution_id}/outcomes/"
    )
    results, tables = _results(s3, finished)
    found = _invocations(target, deployment, finished, outcomes.values())
    items = _costs(deployment, finished, outcomes, results, found)
    return RunRecord(
        row=_row(target.name, finished, results, items),
        ranks=[
            _rank_row(finished, rank, results.get(rank, {}), outcomes.get(rank, {}), found)
            for rank in sorted({*outcomes, *results})
        ],
        predictions=_predictions(finished.execution.spec.run_id, tables),
        output={
            rank: found[request].output
            for rank, outcome in sorted(outcomes.items())
            if (request := str(outcome.get("request_id"))) in found
        },
    )


# --- reading --------------------------------------------------------------------------------------


def _read(s3: S3Client, bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _rank_keys(s3: S3Client, bucket: str, prefix: str, suffix: str) -> dict[int, str]:
    """Keys named ``<prefix><rank><suffix>``; none when the bucket does not exist (a failure said so
    already).
    """
    keys: dict[int, str] = {}
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                name = item["Key"][len(prefix) :]
                if name.endswith(suffix) and name.removesuffix(suffix).isdecimal():
                    keys[int(name.removesuffix(suffix))] = item["Key"]
    except ClientError:
        return {}
    return keys


def _read_all(s3: S3Client, bucket: str, keys: Mapping[int, str]) -> dict[int, bytes]:
    if not keys:
        return {}
    with ThreadPoolExecutor(min(16, len(keys))) as pool:
        return dict(zip(keys, pool.map(lambda key: _read(s3, bucket, key), keys.values()), strict=True))


def _read_json_objects(s3: S3Client, bucket: str, prefix: str) -> dict[int, dict[str, Any]]:
    bodies = _read_all(s3, bucket, _rank_keys(s3, bucket, prefix, ".json"))
    return {rank: value for rank, body in bodies.items() if isinstance(value := json.loads(body), dict)}


def _results(s3: S3Client, finished: Finished) -> tuple[dict[int, dict[str, Any]], list[pa.Table]]:
    """Rank results and predictions of this execution; a result path may hold those of earlier ones too."""
    bucket = str(finished.execution.payload.get("bucket", ""))
    default = (
        finished.execution.payload.get("result_path")
        or f"executions/{finished.execution.execution_id}/results"
    )
    prefix = f"{str(finished.output.get('result_path') or default).strip('/')}/"
    if not bucket:
        return {}, []
    results = {
        rank: result
        for rank, result in _read_json_objects(s3, bucket, prefix).items()
        if result.get("execution_id", finished.execution.execution_id) == finished.execution.execution_id
    }
    keys = {rank: key for rank, key in _rank_keys(s3, bucket, prefix, ".parquet").items() if rank in results}
    tables = [pq.read_table(io.BytesIO(body)) for body in _read_all(s3, bucket, keys).values()]
    return results, tables


def _invocations(
    target: Target, deployment: Deployment, finished: Finished, outcomes: Iterable[Mapping[str, Any]]
) -> dict[str, Invocation]:
    groups = deployment.log_groups
    wanted: dict[str, list[str]] = {
        groups["execute"]: [str(item["request_id"]) for item in outcomes if item.get("request_id")]
    }
    for role, request_id in finished.output.get("request_ids", {}).items():
        if role in groups and request_id:
            wanted.setdefault(groups[role], []).append(str(request_id))
    # A clock that differs a little from AWS's must not hide the first lines.
    start_ms = int(finished.started_at.timestamp() * 1000) - 60_000
    return collect_invocations(target.clients.logs, wanted, start_ms, timeout_s=target.log_wait_s)


# --- rows -----------------------------------------------------------------------------------------


def _costs(
    deployment: Deployment,
    finished: Finished,
    outcomes: Mapping[int, dict[str, Any]],
    results: Mapping[int, dict[str, Any]],
    found: Mapping[str, Invocation],
) -> dict[str, float]:
    ranks = 0 if finished.timings.map_s is None else finished.world_size
    gets, puts = cost.s3_requests(ranks, outcomes.values(), results.values())
    of_ranks = {outcome.get("request_id") for outcome in outcomes.values()}
    usage = cost.Usage(
        ranks=tuple(item.report for key, item in found.items() if item.report and key in of_ranks),
        others=tuple(item.report for key, item in found.items() if item.report and key not in of_ranks),
        transitions=cost.transitions(finished.timings.transitions, len(outcomes)),
        s3_get=gets,
        s3_put=puts,
        log_bytes=sum(item.ingested_bytes for item in found.values()),
        duration_s=finished.timings.duration_s,
        ephemeral_mb=finished.execution.ephemeral_mb,
    )
    return cost.breakdown(usage, cost.load_prices(deployment.region, deployment.architecture))


def _row(
    target: str, finished: Finished, results: Mapping[int, dict[str, Any]], items: dict[str, float]
) -> dict[str, Any]:
    """The row with exactly the keys of DESIGN 3.5. Throughput is the sum over the ranks, which work side by
    side.
    """
    spec, times = finished.execution.spec, finished.timings
    # Every rank has the metrics of its whole world, also in an execution that fails for a bad partition.
    metrics = finished.output.get("metrics") or next(iter(results.values()), {}).get("world_metrics") or {}
    samples = sum(int(result.get("num_samples") or 0) for result in results.values())
    return {
        "run_id": spec.run_id,
        "target": target,
        "mode": finished.execution.mode,
        "world_size": finished.world_size,
        "batch_size": spec.batch_size or number(finished.execution.payload.get("batch_size")),
        "memory_mb": finished.execution.memory_mb,
        "status": finished.status,
        "error": str(finished.failure) if finished.failure else None,
        "started_at": finished.started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "duration_s": times.duration_s,
        "init_s": times.init_s,
        "map_s": times.map_s,
        "summarize_s": times.summarize_s,
        "samples": samples,
        "samples_per_s": samples / times.duration_s if times.duration_s > 0 else None,
        "throughput_bps": sum(float(result.get("throughput_bps") or 0) for result in results.values()),
        "cost_usd": cost.total(items),
        "cost_breakdown": items,
        "metrics": dict(metrics),
    }


def _rank_row(
    finished: Finished,
    rank: int,
    result: dict[str, Any],
    outcome: dict[str, Any],
    found: Mapping[str, Invocation],
) -> dict[str, Any]:
    kept = {key: value for key, value in outcome.items() if key not in _NOT_IN_CSV}
    row = {"run_id": finished.execution.spec.run_id, "rank": rank, **kept, **flatten(result)}
    row["execution_started_at"] = finished.started_at.timestamp()
    invocation = found.get(str(outcome.get("request_id")))
    if invocation and invocation.report:
        report = invocation.report
        row |= {
            "report.duration_ms": report.duration_ms,
            "report.billed_ms": report.billed_ms,
            "report.memory_mb": report.memory_mb,
            "report.max_memory_mb": report.max_memory_mb,
            "report.init_ms": report.init_ms,
        }
    return row


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level with dotted names; lists as JSON text."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat


def _predictions(run_id: str, tables: Iterable[pa.Table]) -> pa.Table | None:
    """All ranks' predictions with the run's id in front, in :data:`PREDICTION_SCHEMA`."""
    parts = []
    for table in tables:
        named = table.append_column("run_id", pa.array([run_id] * table.num_rows, pa.string()))
        parts.append(named.select(PREDICTION_SCHEMA.names).cast(PREDICTION_SCHEMA))
    return pa.concat_tables(parts) if parts else None
