"""Scan and exscan: every rank gets the arrays of the ranks up to it, or before it, combined in rank order.

The buffer of an exscan has three parts: the result, what this rank passes on, and what just came. The second
one holds the rank's own array in the beginning.
"""

from __future__ import annotations

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import powers


def shifts(rank: int, size: int, count: int) -> list[Step]:
    """Scan: in round k each rank passes on what 2^k ranks up to it hold."""
    steps = []
    for distance in powers(size):
        if rank + distance < size:
            steps.append(Step(Act.SEND, rank + distance, 0, count))
        if rank >= distance:
            steps.append(Step(Act.AFTER, rank - distance, 0, count))
    return steps


def tree(rank: int, size: int, count: int) -> list[Step]:
    """Scan, up a tree and down again: combined in the order of the original."""
    steps = []
    for distance in powers(size):
        if (rank + 1) % (2 * distance):
            if rank + distance < size:
                steps.append(Step(Act.SEND, rank + distance, 0, count))
            break
        steps.append(Step(Act.AFTER, rank - distance, 0, count))
    for distance in reversed(powers(size)):
        if (rank + 1) % (2 * distance) == 0 and rank + distance < size:
            steps.append(Step(Act.SEND, rank + distance, 0, count))
        elif (rank + 1) % (2 * distance) == distance and rank >= distance:
            steps.append(Step(Act.AFTER, rank - distance, 0, count))
    return steps


def along(rank: int, size: int, count: int) -> list[Step]:
    """Scan strictly from rank 0 on: each rank takes the result so far, adds its own, passes it on."""
    taken = [Step(Act.AFTER, rank - 1, 0, count)] if rank else []
    return [*taken, Step(Act.SEND, rank + 1, 0, count)] if rank + 1 < size else taken


def exclusive_shifts(rank: int, size: int, count: int) -> list[Step]:
    """Exscan, as `shifts`."""
    steps = []
    for distance in powers(size):
        if rank + distance < size:
            steps.append(Step(Act.SEND, rank + distance, count, 2 * count))
        if rank >= distance > 1:
            steps.append(Step(Act.TAKE, rank - distance, 2 * count, 3 * count))
            steps.append(Step(Act.JOIN, 2 * count, 0, count))
            steps.append(Step(Act.JOIN, 2 * count, count, 2 * count))
        elif rank >= distance:
            steps += _first(rank, count)
    return steps


def exclusive_along(rank: int, size: int, count: int) -> list[Step]:
    """Exscan, as `along`."""
    taken = _first(rank, count) if rank else []
    return [*taken, Step(Act.SEND, rank + 1, count, 2 * count)] if rank + 1 < size else taken


def _first(rank: int, count: int) -> list[Step]:
    """What the rank before this one passes on is the result so far, and combined with the own array."""
    return [Step(Act.TAKE, rank - 1, 0, count), Step(Act.JOIN, 0, count, 2 * count)]
