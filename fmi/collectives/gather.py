"""Gather and scatter: every rank's block to the root, and from it; along a binomial tree, or straight.

In a tree a rank holds the blocks of its subtree, its own first: those of the ranks from itself on. Straight,
the blocks lie where `bounds` says, and may differ in size; a rank other than the root has only its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import children, parent, span

# Where a rank's block begins and ends in the root's array.
Bounds = Sequence[tuple[int, int]]


def tree(rank: int, size: int, block: int, root: int) -> list[Step]:
    """Gather blocks of `block` elements."""
    place = (rank - root) % size
    above = parent(place)
    steps = [Step(Act.TAKE, *subtree) for subtree in _subtrees(rank, size, block, root)]
    held = span(place, size) * block
    return steps if above is None else [*steps, Step(Act.SEND, (above + root) % size, 0, held)]


def scatter_tree(rank: int, size: int, block: int, root: int) -> list[Step]:
    """Scatter blocks of `block` elements."""
    place = (rank - root) % size
    above = parent(place)
    steps = [Step(Act.SEND, *subtree) for subtree in reversed(_subtrees(rank, size, block, root))]
    held = span(place, size) * block
    return steps if above is None else [Step(Act.TAKE, (above + root) % size, 0, held), *steps]


def _subtrees(rank: int, size: int, block: int, root: int) -> list[tuple[int, int, int]]:
    """The ranks below this one, and where the blocks of their subtrees lie here."""
    place = (rank - root) % size
    found = []
    for child in children(place, size):
        lo = (child - place) * block
        found.append(((child + root) % size, lo, lo + span(child, size) * block))
    return found


def star(rank: int, size: int, root: int, bounds: Bounds) -> list[Step]:
    """Gather straight from each rank. Elsewhere than on the root only the size of the own block matters."""
    return _straight(rank, size, root, bounds, (Act.TAKE, Act.SEND))


def scatter_star(rank: int, size: int, root: int, bounds: Bounds) -> list[Step]:
    """Scatter straight to each rank. Elsewhere than on the root only the size of the own block matters."""
    return _straight(rank, size, root, bounds, (Act.SEND, Act.TAKE))


def _straight(rank: int, size: int, root: int, bounds: Bounds, acts: tuple[Act, Act]) -> list[Step]:
    at_root, elsewhere = acts
    if rank != root:
        lo, hi = bounds[rank]
        return [Step(elsewhere, root, 0, hi - lo)]
    others = [(root + distance) % size for distance in range(1, size)]
    return [Step(at_root, other, *bounds[other]) for other in others]
