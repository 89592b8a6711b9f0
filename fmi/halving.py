"""Allreduce of large arrays in worlds of a power of two: recursive halving, then recursive doubling.

Each rank sends and receives the array twice at most, as around the ring, but in 2·log2(p) rounds instead of
2·(p - 1). Source: Thakur, Rabenseifner, Gropp, Optimization of collective communication operations in MPICH,
2005, section 4.5.
"""

from __future__ import annotations

from fmi.functions import Combine
from fmi.segments import exchange, exchange_combine
from fmi.stage import Stage
from fmi.values import Array


def halving_peers(rank: int, size: int) -> list[int]:
    """Whom `halving_allreduce` talks to."""
    return [rank ^ distance for distance in _distances(size)]


def halving_allreduce(stage: Stage, array: Array, total: Array, combine: Combine) -> None:
    """Fill the total with all ranks' arrays combined; the array may be the total itself.

    Every element is combined on one rank and copied from there, so all ranks get the same bits.
    """
    start, end = 0, array.size
    rounds: list[tuple[int, slice, slice]] = []
    source = array
    for distance in _distances(stage.size):
        other, middle = stage.rank ^ distance, (start + end) // 2
        halves = slice(start, middle), slice(middle, end)
        mine, theirs = halves if stage.rank < other else reversed(halves)
        exchange_combine(stage, other, source[theirs], other, source[mine], out=total[mine], combine=combine)
        rounds.append((other, mine, theirs))
        start, end, source = mine.start, mine.stop, total
    for other, mine, theirs in reversed(rounds):
        exchange(stage, other, total[mine], other, total[theirs])


def _distances(size: int) -> list[int]:
    return [1 << k for k in range(size.bit_length() - 1)]
