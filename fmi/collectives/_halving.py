"""Allreduce of large arrays in worlds of a power of two: recursive halving, then recursive doubling.

Each rank sends and receives the array twice at most, as around the ring, but in 2·log2(p) rounds instead of
2·(p - 1). Source: Thakur, Rabenseifner, Gropp, Optimization of collective communication operations in MPICH,
2005, section 4.5.
"""

from __future__ import annotations

from typing import NamedTuple

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives._context import Context
from fmi.collectives._segments import combine_received, receive_beside, send_segments


class Round(NamedTuple):
    """With whom, which part of the array stays here, and which one goes there."""

    peer: int
    mine: slice
    theirs: slice


def halving_peers(rank: int, size: int) -> list[int]:
    """Whom `halving_allreduce` talks to."""
    return [rank ^ distance for distance in _distances(size)]


def halving_allreduce(context: Context, array: Array, total: Array, combine: Combine) -> None:
    """Fill the total with all ranks' arrays combined; the array may be the total itself.

    Every element is combined on one rank and copied from there, so all ranks get the same bits. Parts that
    were sent are filled afterwards. Data comes back only when all of that has arrived, but word that a rank
    is waiting may be read to there before; hence the flush.
    """
    rounds = halving_rounds(context.rank, context.size, array.size)
    incoming = [receive_beside(context, other, array[mine]) for other, mine, _ in rounds]
    source = array
    for (other, mine, theirs), received in zip(rounds, incoming, strict=True):
        send_segments(context, other, source[theirs])
        combine_received(received, source[mine], total[mine], combine)
        source = total
    context.flush()
    for other, _, theirs in rounds:
        context.prepare(other, total[theirs])
    for other, mine, theirs in reversed(rounds):
        context.send(other, total[mine])
        context.receive(other, total[theirs])
    context.flush()


def halving_rounds(rank: int, size: int, count: int) -> list[Round]:
    """What a rank does with `count` elements; the last part of its own is what it combines for all."""
    rounds = []
    start, end = 0, count
    for distance in _distances(size):
        other, middle = rank ^ distance, (start + end) // 2
        halves = slice(start, middle), slice(middle, end)
        mine, theirs = halves if rank < other else halves[::-1]
        rounds.append(Round(other, mine, theirs))
        start, end = mine.start, mine.stop
    return rounds


def _distances(size: int) -> list[int]:
    return [1 << k for k in range(size.bit_length() - 1)]
