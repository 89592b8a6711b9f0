"""The inference loop: batches of galaxies through an engine, with honest timings. It needs no torch."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.core.galaxies import Galaxies

Redshifts = npt.NDArray[np.float32]

BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
"""What `choose_batch_size` tries."""
WORTH_WHILE = 1.02
"""How much faster a larger batch must be to be worth its memory."""


class Engine(Protocol):
    """A network that is ready to compute."""

    @property
    def name(self) -> str:
        """`onnx` or `torch`."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def precision(self) -> str:
        """`fp32`, `bf16` or `fp16`: what the matrix products are computed in."""

    @property
    def threads(self) -> int:
        """Threads that compute at the same time on the processor."""

    def __call__(self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N] of images [N, 5, S, S] and magnitudes [N, 5]."""


@dataclass
class Run:
    """What an inference run did; partitions are added one after the other.

    `wall_seconds` is the clock's time in the loop, `cpu_seconds` the processor time of all its threads.
    """

    redshift: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    num_batches: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    bits: int = 0

    def __add__(self, other: "Run") -> "Run":
        return Run(
            np.concatenate([self.redshift, other.redshift]),
            self.num_batches + other.num_batches,
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.bits + other.bits,
        )

    @property
    def samples_per_second(self) -> float:
        """Galaxies a second by the clock; 0 when there were none."""
        return len(self.redshift) / self.wall_seconds if self.wall_seconds else 0.0

    @property
    def bits_per_second(self) -> float:
        """Bits of images and magnitudes a second by the clock; 0 when there were none."""
        return self.bits / self.wall_seconds if self.wall_seconds else 0.0

    @property
    def seconds_per_batch(self) -> float:
        """Mean time of a batch by the clock; 0 when there were none."""
        return self.wall_seconds / self.num_batches if self.num_batches else 0.0


def predict(engine: Engine, galaxies: Galaxies, batch_size: int) -> Run:
    """Predict the redshift of every galaxy, in order, `batch_size` of them at a time."""
    predicted = np.empty(len(galaxies))
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(galaxies), batch_size):
        batch = galaxies[start : start + batch_size]
        predicted[start : start + batch_size] = engine(batch.image, batch.magnitude)
    return Run(
        predicted,
        -(-len(galaxies) // batch_size),
        time.perf_counter() - wall,
        time.process_time() - cpu,
        galaxies.nbytes * 8,
    )


def choose_batch_size(engine: Engine, galaxies: Galaxies, sizes: Sequence[int] = BATCH_SIZES) -> int:
    """Double the batch size as long as that is clearly faster, measured on some of these galaxies.

    Costs two batches of each size tried; sizes beyond the number of galaxies are not.
    """
    best, best_rate = sizes[0], 0.0
    for size in sizes:
        if size > len(galaxies) and best_rate:
            break
        sample = galaxies[:size]
        predict(engine, sample, size)  # the first batch of a size also allocates its memory
        rate = predict(engine, sample, size).samples_per_second
        if rate <= best_rate * WORTH_WHILE:
            break
        best, best_rate = size, rate
    return best
