"""Large broadcasts and reductions along a chain of ranks, segment by segment.

All connections of the chain are busy at once and every byte crosses every connection once, which is the least
possible. The chain starts at the root and goes up the ranks, around the end of the world.
"""

from __future__ import annotations

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives._context import Context
from fmi.collectives._segments import SEGMENT_BYTES, receive_beside, receive_segments, segments, send_segments


def is_chain_faster(size: int, nbytes: int) -> bool:
    """Whether the chain takes fewer turns than a binomial tree in which every rank forwards the whole.

    Along the chain the last of k segments leaves the root after k turns and has p - 2 more ranks to pass;
    in the tree every level takes as many turns as there are segments.
    """
    count = -(-nbytes // SEGMENT_BYTES)
    return count + size - 2 < count * (size - 1).bit_length()


def chain_peers(rank: int, size: int, root: int) -> list[int]:
    """The ranks before and after this one in the chain."""
    place = (rank - root) % size
    return [(root + other) % size for other in (place - 1, place + 1) if 0 <= other < size]


def chain_bcast(context: Context, array: Array, root: int) -> None:
    """Fill every rank's array with the root's."""
    before, after = _neighbours(context, root)
    if before is None:
        if after is not None:
            send_segments(context, after, array)
    else:
        for piece in receive_segments(context, before, array):
            if after is not None:
                context.send(after, piece)
    context.flush()


def chain_reduce(context: Context, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """Fill the root's total (None elsewhere) with all ranks' arrays combined, the last rank's first."""
    before, after = _neighbours(context, root)
    if after is None:
        if before is None:
            assert total is not None  # noqa: S101 - alone, this rank is the root
            total[...] = array
        else:
            send_segments(context, before, array)
            context.flush()
        return
    pieces = receive_beside(context, after, array)
    outputs = segments(array if total is None else total)
    for mine, into, received in zip(segments(array), outputs, pieces, strict=True):
        if before is None:
            combine(mine, received, into)
        else:
            combine(mine, received, received)
            context.flush()  # the last segment's buffer is the next one's but one
            context.send(before, received)
    context.flush()


def _neighbours(context: Context, root: int) -> tuple[int | None, int | None]:
    place = (context.rank - root) % context.size
    before = (context.rank - 1) % context.size if place > 0 else None
    after = (context.rank + 1) % context.size if place < context.size - 1 else None
    return before, after
