"""Reduce: all ranks' arrays combined on the root.

Small arrays go along a binomial tree, which takes the fewest rounds; large ones along a chain, segment by
segment, which moves the fewest bytes. A function that is not associative is applied strictly from rank 0 on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives.context import Context, equal_blocks, receive_beside, segments, send_segments
from fmi.collectives.gather import gather, gather_peers
from fmi.collectives.select import is_chain_reduction_faster
from fmi.collectives.topology import chain_neighbours, chain_peers, children, parent, tree_peers


def reduce_peers(rank: int, size: int, root: int, nbytes: int, function: func) -> Sequence[int]:
    """The ranks that `reduce` talks to."""
    if not function.associative:
        return gather_peers(rank, size, root, nbytes)
    if _uses_chain(size, nbytes, function):
        return chain_peers(rank, size, root)
    if function.commutative:
        return tree_peers(rank, size, root)
    peers = tree_peers(rank, size, 0)
    return [*peers, *(other for me, other in ((0, root), (root, 0)) if rank == me != other)]


def reduce(
    context: Context, array: Array, total: Array | None, root: int, *, function: func, combine: Combine
) -> None:
    """Fill the root's total (None elsewhere) with every rank's array combined.

    In rank order unless the function is commutative. The array and the total may be the same.
    """
    if not function.associative:
        _gather_and_fold(context, array, total, root, combine)
    elif _uses_chain(context.size, array.nbytes, function):
        _chain_reduce(context, array, total, root, combine)
    elif function.commutative:
        _tree_reduce(context, array, total, root, combine)
    elif root == 0:
        _tree_reduce(context, array, total, 0, combine)
    else:
        _reduce_by_rank_0(context, array, total, root, combine)


def _uses_chain(size: int, nbytes: int, function: func) -> bool:
    return function.elementwise and is_chain_reduction_faster(size, nbytes)


def _gather_and_fold(
    context: Context, array: Array, total: Array | None, root: int, combine: Combine
) -> None:
    """Strictly left to right."""
    if total is None:
        gather(context, array, None, root)
        return
    everything = np.empty(array.size * context.size, array.dtype)
    gather(context, array, everything, root)
    first, *others = equal_blocks(everything, context.size)
    total[...] = first
    for other in others:
        combine(total, other, total)


def _chain_reduce(context: Context, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """The chain ends at the root, so the last rank's array comes first."""
    before, after = chain_neighbours(context.rank, context.size, root)
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


def _reduce_by_rank_0(
    context: Context, array: Array, total: Array | None, root: int, combine: Combine
) -> None:
    """The tree that keeps rank order has rank 0 for its root, which passes the result on."""
    if context.rank == 0:
        result = np.empty_like(array)
        _tree_reduce(context, array, result, 0, combine)
        context.send(root, result)
        context.flush()
        return
    _tree_reduce(context, array, None, 0, combine)
    if total is not None:
        context.receive(0, total)


def _tree_reduce(context: Context, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """A rank's subtree holds the ranks right after it, so combining the children in turn keeps the order."""
    place = (context.rank - root) % context.size
    below = children(place, context.size)
    if total is None:
        total = array.copy() if below else array
    else:
        total[...] = array
    received = np.empty_like(total) if below else total
    for child in below:
        context.receive((child + root) % context.size, received)
        combine(total, received, total)
    above = parent(place)
    if above is not None:
        context.send((above + root) % context.size, total)
        context.flush()
