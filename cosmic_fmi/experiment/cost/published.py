"""Figures that the course and the papers measured, to set ours beside them.

Taken from the course's reports and from the CAI paper, arXiv 2501.06249.
"""

from __future__ import annotations

from dataclasses import dataclass

# Total time (s) of an execution by world size: the FMI step function, without data.
FMI_TOTAL_S: dict[str, dict[int, float]] = {
    "course team 3": {2: 4.720, 4: 7.566, 16: 5.158},
    "course team 4": {2: 4.846, 4: 4.635, 20: 5.029, 50: 6.877},
    "course team 5": {2: 3.321, 8: 3.542, 16: 5.623, 32: 7.156},
}


@dataclass(frozen=True)
class InferenceFigure:
    """AstroMAE on one Lambda function of 10,240 MB, CPU, 1,024 samples."""

    source: str
    batch_size: int
    seconds_per_batch: float
    samples_per_s: float | None


INFERENCE = (
    InferenceFigure("course team 1", 256, 1.220, 209.9),
    InferenceFigure("course team 4", 512, 2.907, 176.1),
    InferenceFigure("course team 3", 512, 3.062, 167.2),
    InferenceFigure("course team 1", 1024, 7.461, None),
)


@dataclass(frozen=True)
class PartitionFigure:
    """12.6 GB on Lambda in partitions of one size (CAI paper); its cost is requests x s x GB x price."""

    megabytes: int
    galaxies: int
    """Of one partition: 5,113 in 100 MB."""
    requests: int
    seconds_of_rank: float
    """Mean time of a function."""
    duration_s: float
    memory_gb: float
    cost_usd: float


PARTITIONS = (
    PartitionFigure(25, 1279, 517, 5.7, 6.55, 2.8, 0.16),
    PartitionFigure(50, 2557, 259, 10.8, 11.8, 4.0, 0.20),
    PartitionFigure(75, 3835, 173, 15.7, 17.6, 5.9, 0.30),
    PartitionFigure(100, 5113, 130, 21.0, 25.0, 7.0, 0.38),
)

# 1 GB in partitions of 25 MB: seconds of a function by batch size.
SWEEP_BATCHES = {32: 8.26, 64: 6.35, 128: 5.94, 256: 5.65, 512: 6.01}

# Power tuning of one function: seconds by memory in MB (course team 4).
MEMORY_S = {128: 11.722, 512: 6.678, 1024: 3.194, 1536: 1.465}


@dataclass(frozen=True)
class WholeSet:
    """12.6 GB from start to end, in seconds, on three kinds of machine (CAI paper)."""

    gigabytes: float
    lambda_s: float
    gpu_s: float
    cpu_s: float


WHOLE_SET = WholeSet(12.6, 28.0, 140.8, 1793.0)

# S3 as one function sees it (FMI paper, arXiv 2305.08763).
S3_BYTES_PER_S = 50e6
