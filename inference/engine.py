"""The inference loop: batches of galaxies through the network, with honest timings."""

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from inference.config import DEFAULT_BATCH_SIZE
from inference.galaxies import Galaxies
from inference.model import AstroMAE


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


def choose_device(name: str) -> str:
    """`cpu` or `cuda` for auto, cpu or cuda. Raises ValueError when cuda is asked for and absent."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("this machine has no CUDA device that PyTorch can use: choose --device cpu.")
    return name


def predict(
    model: AstroMAE, galaxies: Galaxies, batch_size: int = DEFAULT_BATCH_SIZE, device: str = "cpu"
) -> Run:
    """Predict the redshift of every galaxy, in order; `model` must be in eval mode and on `device`."""
    predicted = np.empty(len(galaxies))
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for start in range(0, len(galaxies), batch_size):
            batch = galaxies[start : start + batch_size]
            image = torch.from_numpy(batch.image).to(device)
            magnitude = torch.from_numpy(batch.magnitude).to(device)
            predicted[start : start + batch_size] = model([image, magnitude]).squeeze(1).cpu().numpy()
    return Run(
        predicted,
        -(-len(galaxies) // batch_size),
        time.perf_counter() - wall,
        time.process_time() - cpu,
        galaxies.nbytes * 8,
    )
