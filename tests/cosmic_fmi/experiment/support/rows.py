"""Made-up results, as an experiment of two runs would leave them."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa

from cosmic_fmi.experiment.results.record import PREDICTION_SCHEMA, RunRecord
from cosmic_fmi.experiment.schema import SCHEMA_VERSION, RunRow

BREAKDOWN = {
    "lambda_compute": 0.001,
    "lambda_requests": 8e-07,
    "step_functions": 0.000175,
    "rendezvous": 2e-05,
}
PHASES = {
    "init": 0.5,
    "start": 1.0,
    "download": 0.5,
    "import": 1.0,
    "setup": 0.2,
    "inference": 5.0,
    "reduce": 0.3,
    "summarize": 0.4,
    "other": 1.1,
}


def row(run_id: str = "w2-b512-1", **changes: object) -> RunRow:
    """A run that succeeded; ``changes`` are keys of :class:`RunRow`."""
    made = RunRow(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        execution_id=f"{run_id}-20261121T100000-abcdef",
        target="local",
        region="us-east-1",
        architecture="x86_64",
        mode="data-parallel",
        source="sample",
        world_size=2,
        batch_size=512,
        memory_mb=3008,
        ephemeral_mb=2048,
        partition_mb=1.6,
        files=16,
        repetition=1,
        warm_up=False,
        order=0,
        status="succeeded",
        error=None,
        started_at="2026-11-21T10:00:00.000+00:00",
        duration_s=10.0,
        init_s=0.5,
        map_s=9.0,
        summarize_s=0.4,
        phases=dict(PHASES),
        samples=1000,
        samples_per_s=100.0,
        data_bytes=25_600_000,
        throughput_bps=2e7,
        cold_starts=2,
        warm_starts=0,
        reports_found=4,
        reports_expected=4,
        rendezvous=None,
        cost_usd=sum(BREAKDOWN.values()),
        cost_breakdown=dict(BREAKDOWN),
        cost_lines=[],
        prices_as_of="2026-09-05",
        metrics={"MAE": 0.02, "MSE": 0.001, "Bias": 0.001, "Precision": 0.018, "R2": 0.95},
    )
    return cast(RunRow, {**made, **changes})


def rank(run_id: str = "w2-b512-1", number: int = 0) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "warm_up": False,
        "rank": number,
        "status": "succeeded",
        "execution_started_at": 1000.0,
        "started_at": 1001.5,
        "ended_at": 1009.0,
        "download_seconds": 0.5,
        "phases.import": 1.0,
        "phases.inference": 5.0,
        "report.init_ms": 800.0,
        "execution_time (seconds/batch)": 2.5,
        "sample_persec": 200.0,
    }


def predictions(run_id: str = "w2-b512-1", count: int = 4) -> pa.Table:
    columns = {
        "run_id": [run_id] * count,
        "object_id": list(range(count)),
        "z_true": [0.1 * index for index in range(count)],
        "z_pred": [0.1 * index + 0.01 for index in range(count)],
        "rank": [0] * count,
    }
    return pa.table(columns, schema=PREDICTION_SCHEMA)


def record(run_id: str = "w2-b512-1", **changes: object) -> RunRecord:
    ranks = [rank(run_id, 0), rank(run_id, 1)]
    return RunRecord(row(run_id, **changes), ranks, predictions(run_id))
