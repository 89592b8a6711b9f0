"""What the scaling model is fitted to: an experiment's own runs, or the course's and the papers' figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from cosmic_fmi.common.cores import usable_cores
from cosmic_fmi.common.lambda_limits import LARGEST_MB
from cosmic_fmi.experiment.cost.published import (
    FMI_TOTAL_S,
    INFERENCE,
    PARTITIONS,
    S3_BYTES_PER_S,
    SWEEP_BATCHES,
    WHOLE_SET,
)
from cosmic_fmi.experiment.model.scaling import TOTAL, Observation, ScalingModel, Settings, fit
from cosmic_fmi.experiment.results.groups import usable

_MODEL_PARTS = {
    "start": ("init", "start", "summarize", "other"),
    "set-up": ("import",),
    "download": ("download",),
    "inference": ("inference",),
    "messages": ("setup", "reduce"),
}
_COURSE_BATCH = 512


def fitted(rows: Iterable[Mapping[str, Any]], ranks: Sequence[Mapping[str, Any]]) -> ScalingModel:
    """The model of an experiment's runs (rows of ``summary.json``; ``ranks`` say how many cores there were).

    Raises :class:`~cosmic_fmi.experiment.errors.ModelError` when there are too few. Runs of two targets are
    two models: those on AWS are taken where there are any.
    """
    found = usable(rows)
    on_aws = [row for row in found if row["target"] == "aws"]
    chosen = on_aws or found
    cores = None if on_aws else cores_of(ranks)
    kind = "on AWS" if on_aws else f"on one machine with {cores} cores"
    return fit(
        [observation(row, cores) for row in chosen], f"{len(chosen)} runs {kind}", published().coefficients
    )


def cores_of(ranks: Iterable[Mapping[str, Any]]) -> int:
    """Cores that the ranks of the embedded AWS shared; this machine's where they do not say."""
    known = [int(float(rank["cpu_info.cores"])) for rank in ranks if rank.get("cpu_info.cores")]
    return max(known, default=0) or usable_cores()


def observation(row: Mapping[str, Any], cores: int | None = None) -> Observation:
    """A run's row as the model sees it: by part where the row has phases, else the total."""
    settings = Settings(
        world_size=max(1, row["world_size"]),
        memory_mb=row["memory_mb"],
        batch_size=row["batch_size"] or _COURSE_BATCH,
        galaxies=row["samples"],
        partitions=row["files"] or None,
        cold=row["cold_starts"] > 0,
        cores=cores,
        data_bytes=row["data_bytes"],
    )
    phases = row["phases"]
    seconds = {part: sum(phases.get(name, 0.0) for name in names) for part, names in _MODEL_PARTS.items()}
    group = f"w{row['world_size']}-b{row['batch_size']}-m{row['memory_mb']}-f{row['files']}"
    return Observation(settings, seconds if phases else {TOTAL: row["duration_s"]}, group)


@cache
def published() -> ScalingModel:
    """The model of the published figures (Lambda, 10,240 MB): where to start before there are own runs.

    It describes the course's system, whose inference is slower than this one's, so it is on the safe side.
    """
    return fit(_published_observations(), "the course's and the papers' published figures")


def _published_observations() -> list[Observation]:
    found = [
        Observation(Settings(world, LARGEST_MB), {TOTAL: seconds}, f"FMI without data, world {world}")
        for points in FMI_TOTAL_S.values()
        for world, seconds in points.items()
    ]
    found += [
        _inference(item.batch_size, 1024, item.seconds_per_batch * -(-1024 // item.batch_size))
        for item in INFERENCE
    ]
    found += [_inference(_COURSE_BATCH, item.galaxies, item.seconds_of_rank) for item in PARTITIONS]
    first = PARTITIONS[0]
    found += [_inference(batch, first.galaxies, seconds) for batch, seconds in SWEEP_BATCHES.items()]
    found += [
        Observation(
            Settings(1, LARGEST_MB, galaxies=first.galaxies, data_bytes=first.megabytes * 1_000_000),
            {"download": first.megabytes * 1_000_000 / S3_BYTES_PER_S},
            "S3 bandwidth",
        ),
        Observation(
            Settings(first.requests, LARGEST_MB, galaxies=first.requests * first.galaxies),
            {TOTAL: WHOLE_SET.lambda_s},
            "12.6 GB",
        ),
    ]
    return found


def _inference(batch: int, galaxies: int, seconds: float) -> Observation:
    settings = Settings(1, LARGEST_MB, batch, galaxies)
    return Observation(settings, {"inference": seconds}, f"{galaxies} galaxies, batch {batch}")
