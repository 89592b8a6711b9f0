"""Reductions whose result all ranks get, or a share each, over flat NumPy arrays.

Small messages go in steps (see `fmi.collectives.schedule`). Of large ones every rank combines a share and
hands it out, so that each byte moves twice: by halving and doubling where the number of ranks is a power of
two, else around the ring.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives._context import Context
from fmi.collectives._halving import halving_allreduce, halving_peers
from fmi.collectives._segments import combine_received, receive_beside, send_segments
from fmi.collectives.moves import bcast, bcast_peers
from fmi.collectives.reduce import LARGE_BYTES, reduce, reduce_peers
from fmi.collectives.schedule import Schedule, allreduce_steps, peers_of, run_schedule
from fmi.collectives.vector import ring_allgather, ring_peers

# Of two ranks each gets as many bytes in one message as in two halves; from here on copies decide.
LARGE_FOR_TWO_BYTES = 512 * 1024
# Where ranks share cores, fewer messages pay for longer.
LARGE_OVERSUBSCRIBED_BYTES = 1 << 20


def is_large(size: int, oversubscribed: bool, nbytes: int, count: int, function: func) -> bool:
    """Whether every rank combines a share of the array in an allreduce."""
    return nbytes >= large_bytes(size, oversubscribed) and _has_shares(size, count, function)


def goes_by_halving(size: int) -> bool:
    """How a large allreduce is done: by halving and doubling, or else around a ring."""
    return not size & (size - 1)


def _has_shares(size: int, count: int, function: func) -> bool:
    return function.elementwise and count >= size > 1


def large_bytes(size: int, oversubscribed: bool) -> int:
    """From which size on each rank of an allreduce combines a share, if that is possible at all."""
    if oversubscribed:
        return LARGE_OVERSUBSCRIBED_BYTES
    return LARGE_FOR_TWO_BYTES if size == 2 else LARGE_BYTES


def allreduce_peers(context: Context, nbytes: int, count: int, function: func) -> Sequence[int]:
    """Whom `allreduce` talks to."""
    # A function of the user's would be kept alive by the cache, with all that it refers to.
    peers = _known_peers if function.elementwise else _peers
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
    if is_large(size, oversubscribed, nbytes, count, function):
        return halving_peers(rank, size) if goes_by_halving(size) else ring_peers(rank, size)
    if not function.associative:
        return [*reduce_peers(rank, size, 0, nbytes, function), *bcast_peers(rank, size, 0, nbytes)]
    return peers_of(_steps(rank, size, oversubscribed, function))


def _steps(rank: int, size: int, oversubscribed: bool, function: func) -> Schedule:
    """A custom function is applied in the order of the original, whichever takes fewer messages."""
    return allreduce_steps(rank, size, oversubscribed and function.elementwise)


_known_peers = functools.lru_cache(1024)(_peers)


def allreduce(
    context: Context, total: Array, function: func, combine: Combine, array: Array | None = None
) -> None:
    """Fill every rank's total with all ranks' arrays combined; the result has the same bits everywhere.

    Args:
        stage: the call.
        total: the result; without `array` it holds this rank's operand.
        function, combine: what to reduce with.
        array: this rank's operand. It saves large ones a copy.
    """
    size = context.size
    if is_large(size, context.channel.oversubscribed, total.nbytes, total.size, function):
        around = halving_allreduce if goes_by_halving(size) else _ring_allreduce
        around(context, total if array is None else array, total, combine)
        return
    if array is not None:
        total[...] = array
    if function.associative:
        run_schedule(
            context, _steps(context.rank, size, context.channel.oversubscribed, function), total, combine
        )
    else:
        reduce(context, total, total if context.rank == 0 else None, 0, function=function, combine=combine)
        bcast(context, total, 0)


def _ring_allreduce(context: Context, array: Array, total: Array, combine: Combine) -> None:
    """Each chunk travels the ring twice: once to be summed up, once to be handed out."""
    bounds = [total.size * i // context.size for i in range(context.size + 1)]
    chunks = [total[start:end] for start, end in itertools.pairwise(bounds)]
    operands = [array[start:end] for start, end in itertools.pairwise(bounds)]
    ring_reduce(context, operands, chunks, combine)
    ring_allgather(context, chunks)


def ring_reduce(
    context: Context, operands: Sequence[Array], chunks: Sequence[Array], combine: Combine
) -> None:
    """Fill this rank's chunk with all ranks' operands combined; the others are left with partial results.

    The chunks may be the operands.
    """
    size, rank = context.size, context.rank
    outgoing = operands[(rank - 1) % size]
    for step in range(1, size):
        index = (rank - step - 1) % size
        received = receive_beside(context, (rank - 1) % size, operands[index])
        send_segments(context, (rank + 1) % size, outgoing)
        combine_received(received, operands[index], chunks[index], combine)
        outgoing = chunks[index]
    context.flush()


def reduce_scatter_peers(context: Context, nbytes: int, count: int, function: func) -> Sequence[int]:
    """Whom `reduce_scatter` talks to."""
    if nbytes >= LARGE_BYTES and _has_shares(context.size, count, function):
        return ring_peers(context.rank, context.size)
    return allreduce_peers(context, nbytes, count, function)


def reduce_scatter(
    context: Context, total: Array, chunks: Sequence[Array], function: func, combine: Combine
) -> None:
    """Replace this rank's chunk of the total by all ranks' combined; the rest of the total is scratch."""
    if total.nbytes >= LARGE_BYTES and _has_shares(context.size, total.size, function):
        ring_reduce(context, chunks, chunks, combine)
    else:
        allreduce(context, total, function, combine)
