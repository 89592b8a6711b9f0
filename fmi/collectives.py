"""The collective operations that only move data, over flat NumPy arrays.

Each is two functions: `…_peers` says whom a rank will talk to, so that all connections are made side by side
before the first message, and the other one talks. Trees are binomial, their places counted from the root.
"""

from __future__ import annotations

import numpy as np

from fmi.stage import Stage
from fmi.values import Array


def span(place: int, size: int) -> int:
    """How many ranks, itself included, are in the subtree of a place in the tree."""
    return min(place & -place, size - place) if place else size


def parent(place: int) -> int | None:
    """The place above one in the tree; None for the root."""
    return place & (place - 1) if place else None


def children(place: int, size: int) -> list[int]:
    """Ascending; a child at distance d heads a subtree of up to d ranks."""
    limit = place & -place if place else size
    found = []
    distance = 1
    while distance < limit and place + distance < size:
        found.append(place + distance)
        distance *= 2
    return found


def tree_peers(rank: int, size: int, root: int) -> list[int]:
    """The ranks next to this one in the tree."""
    place = (rank - root) % size
    above = parent(place)
    near = children(place, size) if above is None else [above, *children(place, size)]
    return [(other + root) % size for other in near]


def bcast(stage: Stage, array: Array, root: int) -> None:
    """Fill every rank's array with the root's."""
    place = (stage.rank - root) % stage.size
    above = parent(place)
    if above is not None:
        stage.receive((above + root) % stage.size, array)
    for child in reversed(children(place, stage.size)):  # the largest subtree first, it has the longest way
        stage.send((child + root) % stage.size, array)
    stage.flush()


def gather(stage: Stage, array: Array, root: int) -> Array | None:
    """Every rank's array, one after the other, on the root."""
    place = (stage.rank - root) % stage.size
    count = array.size
    collected = np.empty(count * span(place, stage.size), array.dtype)
    collected[:count] = array
    for child in children(place, stage.size):
        start = (child - place) * count
        end = start + span(child, stage.size) * count
        stage.receive((child + root) % stage.size, collected[start:end])
    above = parent(place)
    if above is None:
        return np.roll(collected, root * count)
    stage.send((above + root) % stage.size, collected)
    stage.flush()
    return None


def scatter(stage: Stage, array: Array | None, share: Array, root: int) -> None:
    """Fill every rank's share with its part of the root's array (None elsewhere)."""
    place = (stage.rank - root) % stage.size
    count = share.size
    above = parent(place)
    if above is None:
        assert array is not None  # noqa: S101 - the root has one
        held = np.roll(array, -root * count)
    else:
        held = np.empty(count * span(place, stage.size), share.dtype)
        stage.receive((above + root) % stage.size, held)
    for child in reversed(children(place, stage.size)):
        start = (child - place) * count
        end = start + span(child, stage.size) * count
        stage.send((child + root) % stage.size, held[start:end])
    share[...] = held[:count]
    stage.flush()


def powers(size: int) -> list[int]:
    """The powers of two below the size of the world."""
    return [1 << k for k in range((size - 1).bit_length())]


def barrier_peers(rank: int, size: int) -> list[int]:
    """Whom `barrier` talks to."""
    return [other for d in powers(size) for other in ((rank + d) % size, (rank - d) % size)]


def barrier(stage: Stage) -> None:
    """Dissemination: after round k each rank has heard, directly or not, of 2^k others."""
    nothing = np.empty(0, np.uint8)
    for distance in powers(stage.size):
        stage.send((stage.rank + distance) % stage.size, nothing)
        stage.receive((stage.rank - distance) % stage.size, nothing)
    stage.flush()
