"""Alltoall: every rank sends each other one a block of its own, pairwise."""

from __future__ import annotations

from fmi.collectives.schedule import Act, Step


def pairwise(rank: int, size: int, block: int) -> list[Step]:
    """In step d each rank sends to the rank d above it and receives from the rank d below it.

    What is sent lies behind what is received, each in the order of the ranks.
    """
    steps = []
    for distance in range(1, size):
        following, preceding = (rank + distance) % size, (rank - distance) % size
        start = (size + following) * block
        steps.append(Step(Act.SEND, following, start, start + block))
        steps.append(Step(Act.TAKE, preceding, preceding * block, (preceding + 1) * block))
    return steps
