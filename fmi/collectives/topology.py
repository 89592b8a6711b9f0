"""Places in binomial trees and distances that are powers of two; ranges of a flat array.

The places of a tree are counted from its root.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence


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


def even_bounds(count: int, size: int) -> list[int]:
    """Where `count` elements are cut into one block for each rank; sizes differ by at most one."""
    return [count * rank // size for rank in range(size + 1)]


def bounds_of(counts: Sequence[int]) -> list[int]:
    """Where blocks of these sizes that lie side by side begin and end."""
    return [0, *itertools.accumulate(counts)]


def segments(lo: int, hi: int, segment: int) -> list[tuple[int, int]]:
    """A range cut into pieces of at most `segment` elements; an empty one is one empty piece."""
    return [(start, min(start + segment, hi)) for start in range(lo, max(hi, lo + 1), segment)]
