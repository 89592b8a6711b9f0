"""Neighbours in trees, chains, rings and stars of ranks.

The trees are binomial, and their places are counted from the root.
"""

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
    """The places below one in the tree, ascending; a child at distance d heads a subtree of up to d ranks."""
    limit = place & -place if place else size
    found = []
    distance = 1
    while distance < limit and place + distance < size:
        found.append(place + distance)
        distance *= 2
    return tuple(found)


@functools.cache
def powers(size: int) -> tuple[int, ...]:
    """The powers of two below the world size."""
    return tuple(1 << k for k in range((size - 1).bit_length()))


@functools.cache
def tree_peers(rank: int, size: int, root: int) -> tuple[int, ...]:
    """The ranks next to this one in the tree."""
    place = (rank - root) % size
    above = parent(place)
    near = children(place, size) if above is None else (above, *children(place, size))
    return tuple((other + root) % size for other in near)


def chain_neighbours(rank: int, size: int, root: int) -> tuple[int | None, int | None]:
    """The ranks before and after this one in the chain: it starts at the root and goes up the ranks."""
    place = (rank - root) % size
    before = (rank - 1) % size if place > 0 else None
    after = (rank + 1) % size if place < size - 1 else None
    return before, after


def chain_peers(rank: int, size: int, root: int) -> list[int]:
    """The ranks next to this one in the chain."""
    return [other for other in chain_neighbours(rank, size, root) if other is not None]


def star_peers(rank: int, size: int, root: int) -> list[int]:
    """All others for the root, the root for all others."""
    return exchange_peers(rank, size) if rank == root else [root]


def ring_peers(rank: int, size: int) -> list[int]:
    """The neighbours on the ring."""
    return [(rank + 1) % size, (rank - 1) % size] if size > 1 else []


def exchange_peers(rank: int, size: int) -> list[int]:
    """All other ranks."""
    return [other for other in range(size) if other != rank]


@functools.cache
def dissemination_peers(rank: int, size: int) -> tuple[int, ...]:
    """The ranks at distances that are powers of two, in both directions."""
    return tuple(other for d in powers(size) for other in ((rank + d) % size, (rank - d) % size))
