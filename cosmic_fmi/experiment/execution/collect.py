"""Gather what a finished execution left behind in S3 and in the logs into one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

import pyarrow as pa

from cosmic_fmi.common.contract.keys import Execution
from cosmic_fmi.common.contract.reading import NotATableError, fit
from cosmic_fmi.experiment.aws.artifacts import Artifacts, read_artifacts
from cosmic_fmi.experiment.aws.cloudwatch import collect_invocations
from cosmic_fmi.experiment.aws.lambda_logs import Invocation
from cosmic_fmi.experiment.aws.rendezvous_log import rendezvous_between
from cosmic_fmi.experiment.cost import bill as cost
from cosmic_fmi.experiment.cost.prices import Prices
from cosmic_fmi.experiment.execution.phases import phases
from cosmic_fmi.experiment.execution.runner import Finished
from cosmic_fmi.experiment.execution.usage import usage
from cosmic_fmi.experiment.plan.plan import number
from cosmic_fmi.experiment.results.record import PREDICTION_SCHEMA, RunRecord, fit_predictions, flatten
from cosmic_fmi.experiment.schema import SCHEMA_VERSION, Rendezvous, RunRow
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment
from inference.data.prediction_tables import together

_NOT_IN_CSV = ("traceback", "output_tail", "request_id", "output_left_out")
_MEGABYTE = 1e6


def collect(
    target: Target,
    deployment: Deployment,
    finished: Finished,
    prices: Prices,
    order: int = 0,
    *,
    log_wait_s: float | None = None,
    begun: Mapping[int, str] | None = None,
) -> RunRecord:
    """Everything known about a run. What a failed run did not write is left out, never invented.

    ``log_wait_s`` is how long to wait for REPORT lines; None for the target's own time. ``begun`` are request
    ids of ranks that were seen to begin: what one printed that left nothing else is found by them.
    """
    left = _artifacts(target, deployment, finished)
    left.begun = dict(begun or {})
    wanted = wanted_requests(deployment, finished, left)
    wait_s = target.log_wait_s if log_wait_s is None else log_wait_s
    found = _invocations(target, finished, left, wanted, wait_s)
    met = _rendezvous(target, deployment, finished, left, wait_s)
    seen = _Collected(finished, left, wanted, found, met)
    bill = cost.lines(usage(finished, left, seen.found), prices)
    predictions = _predictions(finished.execution.spec.run_id, left)
    ranks = sorted({*left.outcomes, *left.results, *left.failures})
    for rank, outcome in left.outcomes.items():
        if outcome.output_left_out:
            named = [f"of its files {what}" for what in outcome.output_left_out]
            left.left_out.setdefault(rank, []).extend(named)
    return RunRecord(
        row=_row(target.name, seen, bill, prices, order),
        ranks=[_rank_row(seen, rank) for rank in ranks],
        predictions=predictions,
        left_out=[f"rank {rank}: {what}" for rank in ranks for what in left.left_out.get(rank, ())],
        output={
            rank: invocation.output
            for rank in sorted({*ranks, *left.begun})
            if (invocation := seen.invocation(rank))
        },
    )


@dataclass
class _Collected:
    """A finished execution and everything that it left."""

    finished: Finished
    left: Artifacts
    wanted: Mapping[str, set[str]]
    found: Mapping[str, Invocation]
    rendezvous: Rendezvous | None

    def invocation(self, rank: int) -> Invocation | None:
        """What a rank's request left in the logs."""
        return self.found.get(self.requests.get(rank, ""))

    @cached_property
    def requests(self) -> dict[int, str]:
        """The request id of each rank."""
        return self.left.request_ids()


# --- reading --------------------------------------------------------------------------------------


def _artifacts(target: Target, deployment: Deployment, finished: Finished) -> Artifacts:
    execution = finished.execution
    default = execution.payload.get("result_path") or Execution(execution.execution_id).result_path
    return read_artifacts(
        target.clients.s3,
        deployment.bucket,
        execution.execution_id,
        str(execution.payload.get("bucket") or ""),
        str(finished.output.get("result_path") or default),
        started_at=finished.started_at,
    )


def wanted_requests(deployment: Deployment, finished: Finished, left: Artifacts) -> dict[str, set[str]]:
    """Every request that this execution is known to have made, by log group."""
    groups = deployment.log_groups
    wanted = {groups["execute"]: left.all_requests()}
    said = finished.output.get("request_ids")
    for role in ("initialize", "find_rendezvous", "summarize"):
        ids = set(finished.request_ids.get(role, ()))
        if isinstance(said, Mapping) and said.get(role):
            ids.add(str(said[role]))
        if role in groups:
            wanted.setdefault(groups[role], set()).update(ids)
    return {group: ids for group, ids in wanted.items() if ids}


def _invocations(
    target: Target,
    finished: Finished,
    left: Artifacts,
    wanted: Mapping[str, set[str]],
    wait_s: float,
) -> dict[str, Invocation]:
    # A clock that differs a little from AWS's must not hide the first lines.
    start_ms = int(finished.started_at.timestamp() * 1000) - 60_000
    return collect_invocations(
        target.clients.logs,
        wanted,
        start_ms,
        timeout_s=wait_s,
        poll_s=target.poll_s,
        streams=left.log_streams(),
    )


def _rendezvous(
    target: Target, deployment: Deployment, finished: Finished, left: Artifacts, wait_s: float
) -> Rendezvous | None:
    """What the ranks' meeting took. A world that has connected has made ranks - 1 pairs, at least."""
    group = deployment.log_groups.get("rendezvous")
    if group is None or finished.world_size < 2 or not finished.timings.map_s:
        return None
    connected = all((result.get("fmi") or {}).get("setup_seconds") for result in left.results.values())
    start = finished.started_at.timestamp()
    return rendezvous_between(
        target.clients.logs,
        group,
        start,
        start + finished.timings.duration_s,
        expected=finished.world_size - 1 if left.results and connected else 0,
        timeout_s=wait_s,
        poll_s=target.poll_s,
    )


# --- rows -----------------------------------------------------------------------------------------


def _row(target: str, seen: _Collected, bill: Sequence[cost.Line], prices: Prices, order: int) -> RunRow:
    finished, left = seen.finished, seen.left
    execution, spec, times = finished.execution, finished.execution.spec, finished.timings
    results = list(left.results.values())
    samples = sum(int(result.get("num_samples") or 0) for result in results)
    data_bytes = sum(int(result.get("s3_bytes") or 0) for result in results)
    of_ranks = [found for rank in seen.requests if (found := seen.invocation(rank))]
    reports = [invocation.report for invocation in of_ranks if invocation.report]
    items = cost.breakdown(bill)
    # Every rank has the metrics of its whole world, also in an execution that fails for a bad partition.
    said = fit({"world_metrics": finished.output.get("metrics")}).values.get("world_metrics")
    metrics = said or next(iter(results), {}).get("world_metrics") or {}
    return RunRow(
        schema_version=SCHEMA_VERSION,
        run_id=spec.run_id,
        execution_id=execution.execution_id,
        target=target,
        region=prices.region,
        architecture=prices.architecture,
        mode=execution.mode,
        source=spec.source,
        world_size=finished.world_size,
        batch_size=spec.batch_size or number(execution.payload.get("batch_size")),
        memory_mb=reports[0].memory_mb if reports else execution.memory_mb,
        ephemeral_mb=execution.ephemeral_mb,
        partition_mb=spec.partition_mb or _partition_mb(data_bytes, left.files),
        files=left.files,
        repetition=spec.repetition,
        warm_up=spec.warm_up,
        order=order,
        status=finished.status,
        error=str(finished.failure) if finished.failure else None,
        started_at=finished.started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        duration_s=times.duration_s,
        init_s=times.init_s,
        map_s=times.map_s,
        summarize_s=times.summarize_s,
        phases=phases(times, left.outcomes, left.results),
        samples=samples,
        samples_per_s=samples / times.duration_s if times.duration_s > 0 else None,
        data_bytes=data_bytes,
        throughput_bps=sum(float(result.get("throughput_bps") or 0) for result in results),
        cold_starts=sum(report.cold_start for report in reports),
        warm_starts=sum(not report.cold_start for report in reports),
        reports_found=sum(invocation.report is not None for invocation in seen.found.values()),
        reports_expected=sum(len(ids) for ids in seen.wanted.values()),
        rendezvous=seen.rendezvous,
        cost_usd=cost.total(items),
        cost_breakdown=items,
        cost_lines=[line.row() for line in bill],
        prices_as_of=prices.as_of,
        metrics=dict(metrics),
    )


def _partition_mb(data_bytes: int, files: int | None) -> float | None:
    return data_bytes / files / _MEGABYTE if data_bytes and files else None


def _rank_row(seen: _Collected, rank: int) -> dict[str, Any]:
    finished, left, invocation = seen.finished, seen.left, seen.invocation(rank)
    left_none = rank not in left.outcomes
    outcome = _killed(left.failures.get(rank, {})) if left_none else left.outcomes[rank].to_json()
    kept = {key: value for key, value in outcome.items() if key not in _NOT_IN_CSV}
    spec = finished.execution.spec
    row = {"run_id": spec.run_id, "warm_up": spec.warm_up, "rank": rank, **kept}
    # A script's own keys come beside the runner's columns, never in their place.
    own = flatten(left.results.get(rank, {}))
    row |= {key: value for key, value in own.items() if key not in row and not key.startswith("report.")}
    if rank in left.left_out:
        row["left_out"] = "; ".join(left.left_out[rank])
    row["execution_started_at"] = finished.started_at.timestamp()
    if invocation and invocation.report:
        report = invocation.report
        row |= {
            "report.request_id": report.request_id,
            "report.duration_ms": report.duration_ms,
            "report.billed_ms": report.billed_ms,
            "report.memory_mb": report.memory_mb,
            "report.max_memory_mb": report.max_memory_mb,
            "report.init_ms": report.init_ms,
        }
    return row


def _killed(failure: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a rank that left no outcome."""
    if not failure:
        return {}
    return {"status": "failed", "error_type": failure.get("Error"), "error_message": failure.get("Cause")}


def _predictions(run_id: str, left: Artifacts) -> pa.Table | None:
    """All ranks' predictions with the run's id in front, then :data:`PREDICTION_SCHEMA`, then what else.

    A script's tables of another schema stay in S3, and are noted in ``left.left_out``.
    """
    schema = pa.schema([field for field in PREDICTION_SCHEMA if field.name != "run_id"])
    parts = []
    for rank, table in left.predictions.items():
        try:
            fitted = fit_predictions(table, schema)
        except NotATableError as error:
            left.left_out.setdefault(rank, []).append(f"its predictions file {error}")
            continue
        run = pa.array([run_id] * table.num_rows, pa.string())
        parts.append(fitted.add_column(0, PREDICTION_SCHEMA.field("run_id"), run))
    return together(parts) if parts else None
