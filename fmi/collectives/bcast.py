"""Broadcast: along a binomial tree, or for large arrays along a chain of ranks, segment by segment.

In a chain all connections are busy at once and every byte crosses each of them once, which is the minimum.
"""

from __future__ import annotations

from collections.abc import Sequence

from fmi._datatypes import Array
from fmi.collectives.context import Context, receive_segments, send_segments
from fmi.collectives.select import is_chain_faster
from fmi.collectives.topology import chain_neighbours, chain_peers, children, parent, tree_peers


def bcast_peers(rank: int, size: int, root: int, nbytes: int) -> Sequence[int]:
    """The ranks that `bcast` talks to."""
    return chain_peers(rank, size, root) if is_chain_faster(size, nbytes) else tree_peers(rank, size, root)


def bcast(context: Context, array: Array, root: int) -> None:
    """Fill every rank's array with the root's."""
    if is_chain_faster(context.size, array.nbytes):
        _chain_bcast(context, array, root)
        return
    place = (context.rank - root) % context.size
    above = parent(place)
    if above is not None:
        context.receive((above + root) % context.size, array)
    for child in reversed(children(place, context.size)):  # the largest subtree first, it has the longest way
        context.send((child + root) % context.size, array)
    context.flush()


def _chain_bcast(context: Context, array: Array, root: int) -> None:
    before, after = chain_neighbours(context.rank, context.size, root)
    if before is None:
        if after is not None:
            send_segments(context, after, array)
    else:
        for piece in receive_segments(context, before, array):
            if after is not None:
                context.send(after, piece)
    context.flush()
