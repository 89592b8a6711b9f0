"""The reductions, over flat NumPy arrays.

Small messages take the fewest rounds, large ones move the fewest bytes. Every choice is made from what all
ranks know alike: size of the world, number of elements, root and function.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from fmi.chain import chain_peers, chain_reduce, is_chain_faster
from fmi.collectives import (
    bcast,
    bcast_peers,
    children,
    gather,
    gather_peers,
    parent,
    powers,
    shares,
    tree_peers,
)
from fmi.functions import Combine, func
from fmi.halving import halving_allreduce, halving_peers
from fmi.segments import combine_received, receive_beside, send_segments
from fmi.shares import ring_allgather, ring_peers
from fmi.stage import Stage
from fmi.values import Array

# From here on an allreduce goes around the ring: more rounds, but each byte moves only twice.
RING_BYTES = 64 * 1024


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
    stage: Stage, array: Array, total: Array | None, root: int, *, function: func, combine: Combine
) -> None:
    """Fill the root's total (None elsewhere) with every rank's array combined.

    In rank order unless the function is commutative. The array and the total may be the same.
    """
    if not function.associative:
        _gather_and_fold(stage, array, total, root, combine)
    elif _goes_along_chain(stage.size, array.nbytes, function):
        chain_reduce(stage, array, total, root, combine)
    elif function.commutative:
        _tree_reduce(stage, array, total, root, combine)
    elif root == 0:
        _tree_reduce(stage, array, total, 0, combine)
    else:
        _reduce_elsewhere(stage, array, total, root, combine)


def _goes_along_chain(size: int, nbytes: int, function: func) -> bool:
    """Of two ranks the chain saves the root a copy."""
    pays = nbytes >= RING_BYTES if size == 2 else is_chain_faster(size, nbytes)
    return function.elementwise and pays


def _gather_and_fold(stage: Stage, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """Strictly left to right."""
    if total is None:
        gather(stage, array, None, root)
        return
    everything = np.empty(array.size * stage.size, array.dtype)
    gather(stage, array, everything, root)
    first, *others = shares(everything, stage.size)
    total[...] = first
    for other in others:
        combine(total, other, total)


def _reduce_elsewhere(stage: Stage, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """The tree that keeps rank order has rank 0 for its root, which passes the result on."""
    if stage.rank == 0:
        result = np.empty_like(array)
        _tree_reduce(stage, array, result, 0, combine)
        stage.send(root, result)
        stage.flush()
        return
    _tree_reduce(stage, array, None, 0, combine)
    if total is not None:
        stage.receive(0, total)


def _tree_reduce(stage: Stage, array: Array, total: Array | None, root: int, combine: Combine) -> None:
    """A rank's subtree holds the ranks right after it, so combining the children in turn keeps the order."""
    place = (stage.rank - root) % stage.size
    below = children(place, stage.size)
    if total is None:
        total = array.copy() if below else array
    else:
        total[...] = array
    received = np.empty_like(total) if below else total
    for child in below:
        stage.receive((child + root) % stage.size, received)
        combine(total, received, total)
    above = parent(place)
    if above is not None:
        stage.send((above + root) % stage.size, total)
        stage.flush()


def _goes_around(nbytes: int, count: int, size: int, function: func) -> bool:
    return function.elementwise and nbytes >= RING_BYTES and count >= size > 1


def allreduce_peers(stage: Stage, nbytes: int, count: int, function: func) -> Sequence[int]:
    """Whom `allreduce` talks to."""
    # A function of the user's would be kept alive by the cache, with all that it refers to.
    peers = _known_allreduce_peers if function.elementwise else _allreduce_peers
    return peers(stage.rank, stage.size, stage.channel.crowded, nbytes=nbytes, count=count, function=function)


def _allreduce_peers(
    rank: int, size: int, crowded: bool, *, nbytes: int, count: int, function: func
) -> Sequence[int]:
    if _goes_around(nbytes, count, size, function):
        return ring_peers(rank, size) if size & (size - 1) else halving_peers(rank, size)
    if _goes_by_root(crowded, function):
        return [*reduce_peers(rank, size, 0, nbytes, function), *bcast_peers(rank, size, 0, nbytes)]
    partner = _fold_partner(rank, size)
    partners = _doubling_partners(rank, size)
    return partners if partner is None else (partner, *partners)


_known_allreduce_peers = functools.lru_cache(1024)(_allreduce_peers)


def _goes_by_root(crowded: bool, function: func) -> bool:
    """Whether rank 0 reduces and hands out: twice the rounds of doubling, but fewer messages in all."""
    return crowded or not function.associative


def allreduce(
    stage: Stage, total: Array, function: func, combine: Combine, array: Array | None = None
) -> None:
    """Fill every rank's total with all ranks' arrays combined; the result has the same bits everywhere.

    Args:
        stage: the call.
        total: the result; without `array` it holds this rank's operand.
        function, combine: what to reduce with.
        array: this rank's operand. It saves large ones a copy.
    """
    size = stage.size
    if _goes_around(total.nbytes, total.size, size, function):
        around = _ring_allreduce if size & (size - 1) else halving_allreduce
        around(stage, total if array is None else array, total, combine)
        return
    if array is not None:
        total[...] = array
    if _goes_by_root(stage.channel.crowded, function):
        reduce(stage, total, total if stage.rank == 0 else None, 0, function=function, combine=combine)
        bcast(stage, total, 0)
    else:
        _doubling_allreduce(stage, total, combine)


def _extra(size: int) -> int:
    """By how many ranks the world exceeds a power of two."""
    return size - (1 << (size.bit_length() - 1))


def _fold_partner(rank: int, size: int) -> int | None:
    """In a world that is no power of two the first ranks work in pairs: an even one and the next one."""
    return rank ^ 1 if rank < 2 * _extra(size) else None


@functools.cache
def _doubling_partners(rank: int, size: int) -> tuple[int, ...]:
    extra = _extra(size)
    if rank < 2 * extra and rank % 2 == 0:
        return ()
    place = rank // 2 if rank < 2 * extra else rank - extra
    partners = []
    distance = 1
    while distance < size - extra:
        other = place ^ distance
        partners.append(2 * other + 1 if other < extra else other + extra)
        distance *= 2
    return tuple(partners)


def _doubling_allreduce(stage: Stage, total: Array, combine: Combine) -> None:
    """Recursive doubling. A group is always a run of neighbouring ranks, so the order is kept."""
    partner = _fold_partner(stage.rank, stage.size)
    if partner is not None and stage.rank % 2 == 0:
        stage.send(partner, total)
        stage.flush()
        stage.receive(partner, total)
        return
    received = np.empty_like(total)
    if partner is not None:
        stage.receive(partner, received)
        combine(received, total, total)
    for other in _doubling_partners(stage.rank, stage.size):
        stage.send(other, total)
        stage.receive(other, received)
        stage.flush()
        left, right = (received, total) if other < stage.rank else (total, received)
        combine(left, right, total)
    if partner is not None:
        stage.send(partner, total)
        stage.flush()


def _ring_allreduce(stage: Stage, array: Array, total: Array, combine: Combine) -> None:
    """Each chunk travels the ring twice: once to be summed up, once to be handed out."""
    bounds = [total.size * i // stage.size for i in range(stage.size + 1)]
    chunks = [total[start:end] for start, end in itertools.pairwise(bounds)]
    operands = [array[start:end] for start, end in itertools.pairwise(bounds)]
    ring_reduce(stage, operands, chunks, combine)
    ring_allgather(stage, chunks)


def ring_reduce(stage: Stage, operands: Sequence[Array], chunks: Sequence[Array], combine: Combine) -> None:
    """Fill this rank's chunk with all ranks' operands combined; the others are left with partial results.

    The chunks may be the operands.
    """
    size, rank = stage.size, stage.rank
    outgoing = operands[(rank - 1) % size]
    for step in range(1, size):
        index = (rank - step - 1) % size
        received = receive_beside(stage, (rank - 1) % size, operands[index])
        send_segments(stage, (rank + 1) % size, outgoing)
        combine_received(received, operands[index], chunks[index], combine)
        outgoing = chunks[index]
    stage.flush()


def reduce_scatter_peers(stage: Stage, nbytes: int, count: int, function: func) -> Sequence[int]:
    """Whom `reduce_scatter` talks to."""
    if _goes_around(nbytes, count, stage.size, function):
        return ring_peers(stage.rank, stage.size)
    return allreduce_peers(stage, nbytes, count, function)


def reduce_scatter(
    stage: Stage, total: Array, chunks: Sequence[Array], function: func, combine: Combine
) -> None:
    """Replace this rank's chunk of the total by all ranks' combined; the rest of the total is scratch."""
    if _goes_around(total.nbytes, total.size, stage.size, function):
        ring_reduce(stage, chunks, chunks, combine)
    else:
        allreduce(stage, total, function, combine)


def scan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """Whom `scan` talks to."""
    distances = powers(size) if function.associative else (1,)
    return [other for d in distances for other in (rank - d, rank + d) if 0 <= other < size]


def scan(stage: Stage, total: Array, function: func, combine: Combine) -> None:
    """Replace the array by those of rank 0 to this rank combined, in rank order."""
    received = np.empty_like(total)
    if not function.associative:
        _pass_along(stage, total, received, combine)
        return
    for distance in powers(stage.size):
        if _shift(stage, distance, total, received):
            combine(received, total, total)


def exscan(stage: Stage, array: Array, total: Array, function: func, combine: Combine) -> None:
    """Fill the total with the arrays of all ranks before this one combined; rank 0's is left alone."""
    through, received = array.copy(), np.empty_like(array)
    if not function.associative:
        _pass_along(stage, through, received, combine)
        if stage.rank > 0:
            total[...] = received
        return
    filled = False
    for distance in powers(stage.size):
        if not _shift(stage, distance, through, received):
            continue
        combine(received, through, through)
        if filled:
            combine(received, total, total)
        else:
            total[...] = received
            filled = True


def _shift(stage: Stage, distance: int, total: Array, received: Array) -> bool:
    """Send the total that many ranks up, and receive what comes from below, if there are such ranks."""
    if stage.rank + distance < stage.size:
        stage.send(stage.rank + distance, total)
    if stage.rank >= distance:
        stage.receive(stage.rank - distance, received)
    stage.flush()
    return stage.rank >= distance


def _pass_along(stage: Stage, total: Array, received: Array, combine: Combine) -> None:
    """From rank to rank: take the result so far, add this rank's, pass it on."""
    if stage.rank > 0:
        stage.receive(stage.rank - 1, received)
        combine(received, total, total)
    if stage.rank + 1 < stage.size:
        stage.send(stage.rank + 1, total)
        stage.flush()
