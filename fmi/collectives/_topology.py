"""The binomial tree that messages go along, its places counted from the root."""

from __future__ import annotations

import functools


def span(place: int, size: int) -> int:
    """How many ranks, itself included, are in the subtree of a place in the binomial tree."""
    return min(place & -place, size - place) if place else size


def parent(place: int) -> int | None:
    """The place above one in the tree; None for the root."""
    return place & (place - 1) if place else None


@functools.cache
def children(place: int, size: int) -> tuple[int, ...]:
    """Ascending; a child at distance d heads a subtree of up to d ranks."""
    limit = place & -place if place else size
    found = []
    distance = 1
    while distance < limit and place + distance < size:
        found.append(place + distance)
        distance *= 2
    return tuple(found)


@functools.cache
def powers(size: int) -> tuple[int, ...]:
    """The powers of two below the size of the world."""
    return tuple(1 << k for k in range((size - 1).bit_length()))


@functools.cache
def tree_peers(rank: int, size: int, root: int) -> tuple[int, ...]:
    """The ranks next to this one in the tree."""
    place = (rank - root) % size
    above = parent(place)
    near = children(place, size) if above is None else (above, *children(place, size))
    return tuple((other + root) % size for other in near)
