"""Broadcast: along a binomial tree, or for large arrays along a chain of ranks, segment by segment.

In a chain all connections are busy at once and every byte crosses each of them once, which is the minimum.
"""

from __future__ import annotations

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import children, parent, segments


def tree(rank: int, size: int, count: int, root: int) -> list[Step]:
    """From each rank to those below it, the largest subtree first: it has the longest way."""
    place = (rank - root) % size
    above = parent(place)
    below = [(child + root) % size for child in reversed(children(place, size))]
    taken = [] if above is None else [Step(Act.TAKE, (above + root) % size, 0, count)]
    return taken + [Step(Act.SEND, child, 0, count) for child in below]


def chain(rank: int, size: int, count: int, root: int, segment: int) -> list[Step]:
    """From each rank to the next one up, beginning at the root."""
    place = (rank - root) % size
    steps = []
    for lo, hi in segments(0, count, segment):
        if place > 0:
            steps.append(Step(Act.TAKE, (rank - 1) % size, lo, hi))
        if place < size - 1:
            steps.append(Step(Act.SEND, (rank + 1) % size, lo, hi))
    return steps
