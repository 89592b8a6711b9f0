"""Allgather and alltoall: every rank's block on every rank, or another block for each.

Small blocks of an allgather: Bruck et al., Efficient algorithms for all-to-all communications in multiport
message-passing systems, 1997: what a rank holds doubles every round. Large blocks, and blocks of different
sizes, go around the ring once.
"""

from __future__ import annotations

from collections.abc import Sequence

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import powers

# Where each rank's block begins and ends.
Bounds = Sequence[tuple[int, int]]


def bruck(rank: int, size: int, block: int) -> list[Step]:
    """Blocks of `block` elements, which lie in the order of the ranks from this one on."""
    steps = []
    for distance in powers(size):
        blocks = min(distance, size - distance)
        steps.append(Step(Act.SEND, (rank - distance) % size, 0, blocks * block))
        steps.append(Step(Act.TAKE, (rank + distance) % size, distance * block, (distance + blocks) * block))
    return steps


def ring(rank: int, size: int, bounds: Bounds) -> list[Step]:
    """Each block goes once around; they lie where `bounds` says, and may differ in size."""
    steps = []
    for distance in range(size - 1):
        steps.append(Step(Act.SEND, (rank + 1) % size, *bounds[(rank - distance) % size]))
        steps.append(Step(Act.TAKE, (rank - 1) % size, *bounds[(rank - distance - 1) % size]))
    return steps


def pairwise(rank: int, size: int, block: int) -> list[Step]:
    """Alltoall: in step d each rank sends to the rank d above it and receives from the rank d below it.

    What is sent lies behind what is received, each in the order of the ranks.
    """
    steps = []
    for distance in range(1, size):
        following, preceding = (rank + distance) % size, (rank - distance) % size
        start = (size + following) * block
        steps.append(Step(Act.SEND, following, start, start + block))
        steps.append(Step(Act.TAKE, preceding, preceding * block, (preceding + 1) * block))
    return steps
