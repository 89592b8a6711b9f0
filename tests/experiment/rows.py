"""Made-up results, as an experiment of two runs would leave them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from experiment.collect import PREDICTION_SCHEMA, RunRecord

BREAKDOWN = {
    "lambda_compute": 0.001,
    "lambda_requests": 8e-07,
    "step_functions": 0.000175,
    "rendezvous": 2e-05,
}


def row(run_id: str = "w2-b512-1", **changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "run_id": run_id,
        "target": "local",
        "mode": "data-parallel",
        "world_size": 2,
        "batch_size": 512,
        "memory_mb": 3008,
        "status": "succeeded",
        "error": None,
        "started_at": "2026-11-21T10:00:00.000+00:00",
        "duration_s": 10.0,
        "init_s": 0.5,
        "map_s": 9.0,
        "summarize_s": 0.4,
        "samples": 1000,
        "samples_per_s": 100.0,
        "throughput_bps": 2e7,
        "cost_usd": sum(BREAKDOWN.values()),
        "cost_breakdown": dict(BREAKDOWN),
        "metrics": {"MAE": 0.02, "MSE": 0.001, "Bias": 0.001, "Precision": 0.018, "R2": 0.95},
    }
    return made | changes


def rank(run_id: str = "w2-b512-1", number: int = 0) -> dict[str, Any]:
    return {
        "run_id": run_id,
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
