"""The reductions, over flat NumPy arrays.

Small messages take the fewest rounds, large ones move the fewest bytes. Every choice is made from what all
ranks know alike: size of the world, number of elements, root and function.
"""

from __future__ import annotations

import numpy as np

from fmi.collectives import bcast, children, gather, parent, powers, tree_peers
from fmi.functions import Combine, func
from fmi.stage import Stage
from fmi.values import Array

# From here on an allreduce goes around the ring: more rounds, but each byte moves only twice.
RING_BYTES = 64 * 1024


def reduce_peers(rank: int, size: int, root: int, function: func) -> list[int]:
    """Whom `reduce` talks to."""
    if function.commutative or not function.associative:
        return tree_peers(rank, size, root)
    peers = tree_peers(rank, size, 0)
    return peers + [other for me, other in ((0, root), (root, 0)) if rank == me != other]


def reduce(stage: Stage, array: Array, root: int, function: func, combine: Combine) -> Array | None:
    """Combine every rank's array on the root, in rank order unless the function is commutative."""
    if not function.associative:
        everything = gather(stage, array, root)
        return None if everything is None else _fold(everything, array.size, combine)
    if function.commutative:
        return _tree_reduce(stage, array, root, combine)
    result = _tree_reduce(stage, array, 0, combine)
    if root == 0:
        return result
    if stage.rank == 0:
        assert result is not None  # noqa: S101 - the tree's root has the result
        stage.send(root, result)
        stage.flush()
    if stage.rank != root:
        return None
    total = np.empty_like(array)
    stage.receive(0, total)
    return total


def _fold(everything: Array, count: int, combine: Combine) -> Array:
    """Strictly left to right."""
    total = everything[:count].copy()
    for start in range(count, everything.size, count):
        combine(total, everything[start : start + count], total)
    return total


def _tree_reduce(stage: Stage, array: Array, root: int, combine: Combine) -> Array | None:
    """A rank's subtree holds the ranks right after it, so combining the children in turn keeps the order."""
    place = (stage.rank - root) % stage.size
    total = array.copy()
    received = np.empty_like(total)
    for child in children(place, stage.size):
        stage.receive((child + root) % stage.size, received)
        combine(total, received, total)
    above = parent(place)
    if above is None:
        return total
    stage.send((above + root) % stage.size, total)
    stage.flush()
    return None


def _goes_around(nbytes: int, count: int, size: int, function: func) -> bool:
    return function.elementwise and nbytes >= RING_BYTES and count >= size > 1


def allreduce_peers(rank: int, size: int, nbytes: int, count: int, function: func) -> list[int]:
    """Whom `allreduce` talks to."""
    if not function.associative:
        return tree_peers(rank, size, 0)
    if _goes_around(nbytes, count, size, function):
        return [(rank + 1) % size, (rank - 1) % size]
    partner = _fold_partner(rank, size)
    near = [] if partner is None else [partner]
    return near + _doubling_partners(rank, size)


def allreduce(stage: Stage, array: Array, function: func, combine: Combine) -> Array:
    """Combine every rank's array on every rank; the result has the same bits everywhere."""
    if not function.associative:
        total = reduce(stage, array, 0, function, combine)
        result = np.empty_like(array) if total is None else total
        bcast(stage, result, 0)
        return result
    result = array.copy()
    if _goes_around(array.nbytes, array.size, stage.size, function):
        _ring_allreduce(stage, result, combine)
    else:
        _doubling_allreduce(stage, result, combine)
    return result


def _extra(size: int) -> int:
    """By how many ranks the world exceeds a power of two."""
    return size - (1 << (size.bit_length() - 1))


def _fold_partner(rank: int, size: int) -> int | None:
    """In a world that is no power of two the first ranks work in pairs: an even one and the next one."""
    return rank ^ 1 if rank < 2 * _extra(size) else None


def _doubling_partners(rank: int, size: int) -> list[int]:
    extra = _extra(size)
    if rank < 2 * extra and rank % 2 == 0:
        return []
    place = rank // 2 if rank < 2 * extra else rank - extra
    partners = []
    distance = 1
    while distance < size - extra:
        other = place ^ distance
        partners.append(2 * other + 1 if other < extra else other + extra)
        distance *= 2
    return partners


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


def _ring_allreduce(stage: Stage, total: Array, combine: Combine) -> None:
    """Each chunk travels the ring twice: once to be summed up, once to be handed out."""
    size, rank = stage.size, stage.rank
    following, preceding = (rank + 1) % size, (rank - 1) % size
    bounds = [total.size * i // size for i in range(size + 1)]
    chunks = [total[bounds[i] : bounds[i + 1]] for i in range(size)]
    received = np.empty(max(chunk.size for chunk in chunks), total.dtype)
    for step in range(size - 1):
        into = chunks[(rank - step - 1) % size]
        stage.send(following, chunks[(rank - step) % size])
        stage.receive(preceding, received[: into.size])
        combine(received[: into.size], into, into)
        stage.flush()
    for step in range(size - 1):
        stage.send(following, chunks[(rank + 1 - step) % size])
        stage.receive(preceding, chunks[(rank - step) % size])
        stage.flush()


def scan_peers(rank: int, size: int, function: func) -> list[int]:
    """Whom `scan` talks to."""
    distances = powers(size) if function.associative else [1]
    return [other for d in distances for other in (rank - d, rank + d) if 0 <= other < size]


def scan(stage: Stage, array: Array, function: func, combine: Combine) -> Array:
    """Combine the arrays of rank 0 to this rank, in rank order."""
    total = array.copy()
    received = np.empty_like(total)
    if not function.associative:
        if stage.rank > 0:
            stage.receive(stage.rank - 1, received)
            combine(received, total, total)
        if stage.rank + 1 < stage.size:
            stage.send(stage.rank + 1, total)
            stage.flush()
        return total
    for distance in powers(stage.size):
        if stage.rank + distance < stage.size:
            stage.send(stage.rank + distance, total)
        if stage.rank >= distance:
            stage.receive(stage.rank - distance, received)
        stage.flush()
        if stage.rank >= distance:
            combine(received, total, total)
    return total
