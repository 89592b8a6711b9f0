"""Barrier: no rank leaves before every rank has entered."""

from __future__ import annotations

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import powers


def dissemination(rank: int, size: int) -> list[Step]:
    """After round k each rank has heard, directly or not, from 2^k others."""
    steps = []
    for distance in powers(size):
        steps.append(Step(Act.SEND, (rank + distance) % size, 0, 0))
        steps.append(Step(Act.TAKE, (rank - distance) % size, 0, 0))
    return steps
