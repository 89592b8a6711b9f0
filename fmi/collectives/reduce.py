"""Reduce: all ranks' arrays combined on the root.

Small arrays go along a binomial tree, which takes the fewest rounds; large ones along a chain, segment by
segment, which moves the fewest bytes. A function that is not associative is applied strictly from rank 0 on.
"""

from __future__ import annotations

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import children, parent, segments


def tree(rank: int, size: int, count: int, root: int) -> list[Step]:
    """A rank's subtree holds the ranks right after it, so combining the children in turn keeps the order."""
    place = (rank - root) % size
    above = parent(place)
    below = [(child + root) % size for child in children(place, size)]
    steps = [Step(Act.BEFORE, child, 0, count) for child in below]
    return steps if above is None else [*steps, Step(Act.SEND, (above + root) % size, 0, count)]


def chain(rank: int, size: int, count: int, root: int, segment: int) -> list[Step]:
    """From each rank to the next one down, ending at the root."""
    place = (rank - root) % size
    steps = []
    for lo, hi in segments(0, count, segment):
        if place < size - 1:
            steps.append(Step(Act.BEFORE, (rank + 1) % size, lo, hi))
        if place > 0:
            steps.append(Step(Act.SEND, (rank - 1) % size, lo, hi))
    return steps


def in_rank_order(rank: int, size: int, count: int, root: int) -> list[Step]:
    """As `tree` from rank 0, whatever the root: rank 0 passes the result on."""
    return [*tree(rank, size, count, 0), *hand_over(rank, root, 0, count)]


def hand_over(rank: int, root: int, lo: int, count: int) -> list[Step]:
    """From rank 0, where the elements begin at `lo`, to the beginning of the root's buffer."""
    if root == 0 or rank not in (0, root):
        return []
    return [Step(Act.SEND, root, lo, lo + count) if rank == 0 else Step(Act.TAKE, 0, 0, count)]


def fold(size: int, count: int) -> list[Step]:
    """Combine blocks that lie side by side, strictly from the first on; the result is in the last one."""
    starts = [block * count for block in range(1, size)]
    return [Step(Act.JOIN, start - count, start, start + count) for start in starts]
