"""What a rank found: the keys of ``<rank>.json``, in the course's names where it has one.

AstroMAE's ranks write all of it. A script of one's own writes what it likes: :mod:`reading
<cosmic_fmi.common.contract.reading>` takes of it what fits. Times are seconds, sizes MB of 10^6 bytes unless
a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

CourseKeys = TypedDict(
    "CourseKeys",
    {
        "total_cpu_time (seconds)": float,  # of the processor, over all threads
        "total_cpu_memory (MB)": float,  # resident after the run
        "execution_time (seconds/batch)": float,
        "num_batches": int,
        "batch_size": int,
        "device": str,
        "engine": str,
        "precision": str,
        "threads": int,
        "throughput_bps": float,  # bits a second through the model
        "sample_persec": float,
        "cpu_info": Mapping[str, Any],
        "ram_info (GB)": float,  # of 2^30 bytes
        "num_samples": int,
        "wall_time (seconds)": float,
        "peak_rss (MB)": float,
    },
)
"""What computed, and how fast: the course's keys, and what computed it."""


class TrafficKeys(TypedDict):
    """What a rank moved to and from S3, its summed, mean, shortest and longest request."""

    s3_num_requests: int
    s3_total_time: float
    s3_avg_time: float
    s3_min_time: float
    s3_max_time: float
    s3_bytes: int


class FailedKeys(TypedDict):
    """How many objects have no prediction, and the ids of the first of them, which are numbers or texts; and
    how many are flagged, by what the flag says.
    """

    num_failed: int
    failed_object_ids: list[Any]
    num_flagged: int
    flags: Mapping[str, int]
    training_range_known: bool  # whether the model says what it was trained on


RankKeys = TypedDict(
    "RankKeys",
    {
        "rank": int,
        "world_size": int,
        "execution_id": str | None,
        "result_path": str,
        "data_path": str,  # the partitions' keys, or the file
        "reused": bool,  # whether an earlier attempt had predicted this share
        "download_time (seconds)": float,  # standing still for data
        "bundle_download_time (seconds)": float | None,
        "fmi": Mapping[str, Any],  # setup_seconds, bytes, and per operation calls, seconds and bytes
        "metrics": Mapping[str, Any],  # MAE, MSE, Bias, Precision, R2 of the rank's own galaxies
        "world_metrics": Mapping[str, Any],  # of everybody's
        "phases": Mapping[str, float],  # seconds of import, download, setup, inference, reduce
        "refused_partitions": list[str],  # a sentence for each that could not be used
    },
)
"""Which rank of which world this is, and what happened to it."""


class RankResult(CourseKeys, TrafficKeys, FailedKeys, RankKeys):
    """All of ``<rank>.json``."""
