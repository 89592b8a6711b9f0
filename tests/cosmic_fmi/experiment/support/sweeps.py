"""Rows of sweeps, made by a system whose coefficients are known, with a little noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.model.prediction import predict
from cosmic_fmi.experiment.model.scaling import FitError, ScalingModel, Settings
from cosmic_fmi.experiment.schema import RunRow
from tests.cosmic_fmi.experiment.support import rows as made

COEFFICIENTS = {
    "serial": 0.8,
    "rank": 0.05,
    "cold": 1.2,
    "byte": 2e-8,
    "galaxy": 0.004,
    "batch": 0.05,
    "spill": 1e-6,
    "message": 0.1,
}
SYSTEM = ScalingModel(COEFFICIENTS, "made up", 0, FitError(0.0, 0.0, 0.0))
PARTITIONS = 64


def sweep(
    *,
    worlds: Sequence[int] = (1, 2, 4),
    batches: Sequence[int] = (512,),
    memories: Sequence[int] = (3008,),
    repetitions: int = 1,
    galaxies: int = 20_000,
    noise: float = 0.02,
    slower: float = 1.0,
    prefix: str = "",
    **changes: object,
) -> tuple[list[RunRow], list[dict[str, Any]]]:
    """(rows of summary.json, rows of ranks.csv) of a grid on AWS; the first repetition starts cold."""
    drawn = random.Random(7)  # noqa: S311 - noise, not a secret
    rows: list[RunRow] = []
    ranks: list[dict[str, Any]] = []
    for repetition in range(1, repetitions + 1):
        for memory in memories:
            for batch in batches:
                for world in worlds:
                    settings = Settings(
                        world, memory, batch, galaxies, PARTITIONS if galaxies else None, repetition == 1
                    )
                    factor = slower * drawn.uniform(1 - noise, 1 + noise)
                    row = _row(settings, repetition, factor)
                    started = (datetime(2026, 11, 21, tzinfo=UTC) + timedelta(minutes=len(rows))).isoformat()
                    row |= {"run_id": prefix + row["run_id"], "started_at": started, **changes}
                    rows.append(cast(RunRow, row))
                    ranks += _ranks(rows[-1])
    return rows, ranks


def _row(settings: Settings, repetition: int, factor: float) -> dict[str, Any]:
    parts = {part: seconds * factor for part, seconds in SYSTEM.parts(settings).items()}
    total = sum(parts.values())
    cost = dict(predict(SYSTEM, settings, load_prices()).cost_breakdown)
    world, batch, memory = settings.world_size, settings.batch_size, settings.memory_mb
    start = parts["start"]
    row = made.row(
        f"w{world}-b{batch}-m{memory}-{repetition}",
        target="aws",
        mode="data-parallel" if settings.galaxies else "script",
        world_size=world,
        batch_size=batch if settings.galaxies else None,
        memory_mb=memory,
        repetition=repetition,
        warm_up=False,
        files=settings.partitions,
        cold_starts=world if settings.cold else 0,
        warm_starts=0 if settings.cold else world,
        duration_s=total,
        init_s=0.3 * start,
        map_s=total - 0.5 * start,
        summarize_s=0.2 * start,
        phases={
            "init": 0.3 * start,
            "start": 0.4 * start,
            "download": parts["download"],
            "import": parts["set-up"],
            "setup": 0.7 * parts["messages"],
            "inference": parts["inference"],
            "reduce": 0.3 * parts["messages"],
            "summarize": 0.2 * start,
            "other": 0.1 * start,
        },
        samples=settings.galaxies,
        samples_per_s=settings.galaxies / total,
        data_bytes=settings.galaxies * 20_500,
        partition_mb=settings.galaxies * 20_500 / 1e6 / PARTITIONS if settings.galaxies else None,
        cost_usd=sum(cost.values()),
        cost_breakdown=cost,
    )
    return dict(row)


def _ranks(row: RunRow) -> list[dict[str, Any]]:
    phases, found = row["phases"], []
    begin = 1000.0 + phases["init"] + phases["start"]
    for number in range(row["world_size"]):
        found.append(
            {
                "run_id": row["run_id"],
                "rank": number,
                "status": "succeeded",
                "cold_start": row["cold_starts"] > 0,
                "execution_started_at": 1000.0,
                "started_at": begin + 0.01 * number,
                "ended_at": begin + (row["map_s"] or 0.0) - phases["start"],
                "download_seconds": 0.1 * phases["download"],
                "phases.download": 0.9 * phases["download"],
                **{f"phases.{name}": phases[name] for name in ("import", "setup", "inference", "reduce")},
                "report.init_ms": 300.0 if row["cold_starts"] else None,
                "report.max_memory_mb": 600,
                "execution_time (seconds/batch)": 1.0,
                "sample_persec": 200.0,
            }
        )
    return found
