"""Metrics of a whole world, exact: what every rank found, combined with FMI messages."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from inference.metrics import Metrics, Residuals, from_sums, nmad

ROOT = 0
NO_MESSAGES: Mapping[str, Any] = {
    "setup_seconds": 0.0,
    "bytes_sent": 0,
    "bytes_received": 0,
    "operations": {},
}
"""What `fmi.Communicator.stats` says where nothing was sent."""


class World(Protocol):
    """The messages that the reduction needs, over lists of floats; `FmiWorld` and `Alone` have them."""

    @property
    def rank(self) -> int:
        """This process's number, from 0."""

    @property
    def size(self) -> int:
        """How many processes there are."""

    def sum(self, values: list[float]) -> list[float]:
        """Element-wise sum over all ranks, on all ranks."""

    def collect(self, values: list[float]) -> list[list[float]]:
        """Every rank's list (lengths may differ) on rank 0; an empty result elsewhere."""

    def share(self, values: list[float]) -> list[float]:
        """Rank 0's list on all ranks; every rank passes a list of the same length."""


class Alone:
    """A world of one: nothing is sent."""

    rank = 0
    size = 1

    def sum(self, values: list[float]) -> list[float]:
        """The values themselves."""
        return values

    def collect(self, values: list[float]) -> list[list[float]]:
        """The one list there is."""
        return [values]

    def share(self, values: list[float]) -> list[float]:
        """The values themselves."""
        return values


def world_metrics(world: World, residuals: Residuals) -> Metrics:
    """Metrics over the galaxies of all ranks, the same on every rank; a rank may have none.

    Sums travel by allreduce. The spread of z takes a second pass around the true mean, as the one-pass
    formula loses digits; the medians of the NMAD need every dz, which go to rank 0.
    """
    sums = world.sum(residuals.sums())
    if sums[0] == 0:
        return from_sums(sums, 0.0, None)
    spread = world.sum([residuals.spread(sums[1] / sums[0])])[0]
    parts = world.collect(residuals.scaled.tolist())
    precision = nmad(np.concatenate([np.asarray(part) for part in parts])) if world.rank == ROOT else 0.0
    return from_sums(sums, spread, world.share([precision])[0])
