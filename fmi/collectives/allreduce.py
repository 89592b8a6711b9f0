"""Allreduce and reduce_scatter: all ranks' arrays combined, on every rank or one block on each.

Small arrays go by schedule: recursive doubling, or through rank 0 where ranks share cores. Of large ones
each rank combines one block and hands it out, so that each byte moves twice: by recursive halving and
doubling where the world size is a power of two, else around the ring. Halving takes 2·log2(p) rounds instead
of 2·(p - 1). Source: Thakur, Rabenseifner, Gropp, Optimization of collective communication operations in
MPICH, 2005, section 4.5.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives.allgather import ring_allgather
from fmi.collectives.bcast import bcast, bcast_peers
from fmi.collectives.context import Context, combine_received, receive_beside, send_segments
from fmi.collectives.reduce import reduce, reduce_peers
from fmi.collectives.schedule import Act, Schedule, Step, peers_of, run_schedule, through_rank_0
from fmi.collectives.select import is_large_allreduce, is_large_reduce_scatter, uses_halving
from fmi.collectives.topology import powers, ring_peers


def allreduce_peers(context: Context, nbytes: int, count: int, function: func) -> Sequence[int]:
    """The ranks that `allreduce` talks to."""
    # The cache would keep a function of the user's alive, with all that it refers to.
    peers = _cached_peers if function.elementwise else _peers
    return peers(
        context.rank,
        context.size,
        context.channel.oversubscribed,
        nbytes=nbytes,
        count=count,
        function=function,
    )


def _peers(
    rank: int, size: int, oversubscribed: bool, *, nbytes: int, count: int, function: func
) -> Sequence[int]:
    if is_large_allreduce(size, oversubscribed, nbytes, count, function):
        return halving_peers(rank, size) if uses_halving(size) else ring_peers(rank, size)
    if not function.associative:
        return [*reduce_peers(rank, size, 0, nbytes, function), *bcast_peers(rank, size, 0, nbytes)]
    return peers_of(_steps(rank, size, oversubscribed, function))


_cached_peers = functools.lru_cache(1024)(_peers)


def allreduce(
    context: Context, total: Array, function: func, combine: Combine, array: Array | None = None
) -> None:
    """Fill every rank's total with all ranks' arrays combined; the result has the same bits everywhere.

    Args:
        context: the call.
        total: the result; without `array` it holds this rank's operand.
        function, combine: what to reduce with.
        array: this rank's operand. It saves large ones a copy.
    """
    size = context.size
    if is_large_allreduce(size, context.channel.oversubscribed, total.nbytes, total.size, function):
        large = halving_allreduce if uses_halving(size) else _ring_allreduce
        large(context, total if array is None else array, total, combine)
        return
    if array is not None:
        total[...] = array
    if function.associative:
        steps = _steps(context.rank, size, context.channel.oversubscribed, function)
        run_schedule(context, steps, total, combine)
    else:
        reduce(context, total, total if context.rank == 0 else None, 0, function=function, combine=combine)
        bcast(context, total, 0)


# Small arrays


def _steps(rank: int, size: int, oversubscribed: bool, function: func) -> Schedule:
    """A custom function is applied in the order of the original, whichever takes fewer messages."""
    return allreduce_steps(rank, size, oversubscribed and function.elementwise)


def allreduce_steps(rank: int, size: int, oversubscribed: bool) -> Schedule:
    """What a rank sends and receives; all get the same result, combined in rank order."""
    return through_rank_0(rank, size) if oversubscribed else doubling(rank, size)


@functools.cache
def doubling(rank: int, size: int) -> Schedule:
    """Recursive doubling. A group is always a run of neighbouring ranks, so the order is kept.

    In a world that is no power of two the first ranks work in pairs, an even one and the next one, which
    acts for both.
    """
    extra = size - (1 << (size.bit_length() - 1))
    paired = rank < 2 * extra
    if paired and rank % 2 == 0:
        return Step(Act.SEND, rank + 1), Step(Act.TAKE, rank + 1)
    place = rank // 2 if paired else rank - extra
    steps = [Step(Act.AFTER, rank - 1)] if paired else []
    for distance in powers(size - extra):
        other = place ^ distance
        peer = 2 * other + 1 if other < extra else other + extra
        steps += [Step(Act.SEND, peer), Step(Act.AFTER if peer < rank else Act.BEFORE, peer)]
    if paired:
        steps.append(Step(Act.SEND, rank - 1))
    return tuple(steps)


# Large arrays, by recursive halving and doubling


class Round(NamedTuple):
    """One round of halving: the peer, the part of the array that stays here, and the one that goes there."""

    peer: int
    mine: slice
    theirs: slice


def halving_peers(rank: int, size: int) -> list[int]:
    """The ranks that `halving_allreduce` talks to."""
    return [rank ^ distance for distance in powers(size)]


def halving_rounds(rank: int, size: int, count: int) -> list[Round]:
    """The rounds of a rank for `count` elements; what it keeps in the last one it combines for all."""
    rounds = []
    start, end = 0, count
    for other in halving_peers(rank, size):
        middle = (start + end) // 2
        halves = slice(start, middle), slice(middle, end)
        mine, theirs = halves if rank < other else halves[::-1]
        rounds.append(Round(other, mine, theirs))
        start, end = mine.start, mine.stop
    return rounds


def halving_allreduce(context: Context, array: Array, total: Array, combine: Combine) -> None:
    """Fill the total with all ranks' arrays combined; the array may be the total itself.

    Every element is combined on one rank and copied from there, so all ranks get the same bits. The parts
    that were sent are filled afterwards. Data comes back only when all of them have arrived, but a peer's
    message that it waits may be read into the same memory before; hence the flush.
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


# Large arrays, around the ring


def _ring_allreduce(context: Context, array: Array, total: Array, combine: Combine) -> None:
    """Each block travels the ring twice: once to be combined, once to be handed out."""
    bounds = [total.size * i // context.size for i in range(context.size + 1)]
    blocks = [total[start:end] for start, end in itertools.pairwise(bounds)]
    operands = [array[start:end] for start, end in itertools.pairwise(bounds)]
    ring_reduce(context, operands, blocks, combine)
    ring_allgather(context, blocks)


def ring_reduce(
    context: Context, operands: Sequence[Array], blocks: Sequence[Array], combine: Combine
) -> None:
    """Fill this rank's block with all ranks' operands combined; the others are left with partial results.

    The blocks may be the operands.
    """
    size, rank = context.size, context.rank
    outgoing = operands[(rank - 1) % size]
    for step in range(1, size):
        index = (rank - step - 1) % size
        received = receive_beside(context, (rank - 1) % size, operands[index])
        send_segments(context, (rank + 1) % size, outgoing)
        combine_received(received, operands[index], blocks[index], combine)
        outgoing = blocks[index]
    context.flush()


def reduce_scatter_peers(context: Context, nbytes: int, count: int, function: func) -> Sequence[int]:
    """The ranks that `reduce_scatter` talks to."""
    if is_large_reduce_scatter(context.size, nbytes, count, function):
        return ring_peers(context.rank, context.size)
    return allreduce_peers(context, nbytes, count, function)


def reduce_scatter(
    context: Context, total: Array, blocks: Sequence[Array], function: func, combine: Combine
) -> None:
    """Replace this rank's block of the total by all ranks' combined; the rest of the total is scratch."""
    if is_large_reduce_scatter(context.size, total.nbytes, total.size, function):
        ring_reduce(context, blocks, blocks, combine)
    else:
        allreduce(context, total, function, combine)
