"""Reductions to one rank, over flat NumPy arrays.

Small messages take the fewest rounds, large ones move the fewest bytes. Every choice is made from what all
ranks know alike: size of the world, number of elements, root and function.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives._chain import chain_peers, chain_reduce, is_chain_faster
from fmi.collectives._context import Context
from fmi.collectives._topology import children, parent, tree_peers
from fmi.collectives.moves import gather, gather_peers, shares

# From here on bytes count more than rounds do.
LARGE_BYTES = 64 * 1024


def reduce_peers(rank: int, size: int, root: int, nbytes: int, function: func) -> Sequence[int]:
    """Whom `reduce` talks to."""
    if not function.associative:
        return gather_peers(rank, size, root, nbytes)
    if _goes_along_chain(size, nbytes, function):
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
    elif _goes_along_chain(context.size, array.nbytes, function):
        chain_reduce(context, array, total, root, combine)
    elif function.commutative:
        _tree_reduce(context, array, total, root, combine)
    elif root == 0:
        _tree_reduce(context, array, total, 0, combine)
    else:
        _reduce_elsewhere(context, array, total, root, combine)


def _goes_along_chain(size: int, nbytes: int, function: func) -> bool:
    """Of two ranks the chain saves the root a copy."""
    pays = nbytes >= LARGE_BYTES if size == 2 else is_chain_faster(size, nbytes)
    return function.elementwise and pays


def _gather_and_fold(
    context: Context, array: Array, total: Array | None, root: int, combine: Combine
) -> None:
    """Strictly left to right."""
    if total is None:
        gather(context, array, None, root)
        return
    everything = np.empty(array.size * context.size, array.dtype)
    gather(context, array, everything, root)
    first, *others = shares(everything, context.size)
    total[...] = first
    for other in others:
        combine(total, other, total)


def _reduce_elsewhere(
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
