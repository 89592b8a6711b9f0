"""The collective operations with equal shares that only move data, over flat contiguous NumPy arrays.

Each is two functions: `…_peers` says whom a rank will talk to, so that all connections are made side by side
before the first message, and the other one talks. Results go straight into arrays that the caller passes.
Trees are binomial, their places counted from the root. Small messages take the fewest rounds; shares from
`LARGE_BYTES` on go straight between the ranks concerned, so that each byte moves once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi.collectives._chain import chain_bcast, chain_peers, is_chain_faster
from fmi.collectives._context import Context
from fmi.collectives._topology import children, parent, powers, span, tree_peers
from fmi.collectives.schedule import Step, run_schedule
from fmi.collectives.vector import gatherv, ring_allgather, ring_peers, scatterv, star_peers

# From this size of a share on, forwarding it through other ranks costs more than the rounds it saves.
LARGE_BYTES = 64 * 1024


def bcast_peers(rank: int, size: int, root: int, nbytes: int) -> Sequence[int]:
    """Whom `bcast` talks to."""
    return chain_peers(rank, size, root) if is_chain_faster(size, nbytes) else tree_peers(rank, size, root)


def bcast(context: Context, array: Array, root: int) -> None:
    """Fill every rank's array with the root's."""
    if is_chain_faster(context.size, array.nbytes):
        chain_bcast(context, array, root)
        return
    place = (context.rank - root) % context.size
    above = parent(place)
    if above is not None:
        context.receive((above + root) % context.size, array)
    for child in reversed(children(place, context.size)):  # the largest subtree first, it has the longest way
        context.send((child + root) % context.size, array)
    context.flush()


def gather_peers(rank: int, size: int, root: int, share_bytes: int) -> Sequence[int]:
    """Whom `gather` and `scatter` talk to."""
    if share_bytes >= LARGE_BYTES:
        return star_peers(rank, size, root)
    return tree_peers(rank, size, root)


def gather(context: Context, array: Array, whole: Array | None, root: int) -> None:
    """Fill the root's `whole` (None elsewhere) with every rank's array, in rank order."""
    if array.nbytes >= LARGE_BYTES:
        gatherv(context, array, None if whole is None else shares(whole, context.size), root)
    elif whole is None:
        _gather_below(context, array, root)
    else:
        _gather_at_root(context, array, whole)


def _gather_at_root(context: Context, array: Array, whole: Array) -> None:
    rank, size, count = context.rank, context.size, array.size
    whole[rank * count : (rank + 1) * count] = array
    for child in children(0, size):
        first, ranks = (rank + child) % size, span(child, size)
        if first + ranks <= size:
            context.receive(first, whole[first * count : (first + ranks) * count])
        else:  # this subtree goes on at rank 0
            both = np.empty(ranks * count, array.dtype)
            context.receive(first, both)
            upper = (size - first) * count
            whole[first * count :], whole[: both.size - upper] = both[:upper], both[upper:]


def _gather_below(context: Context, array: Array, root: int) -> None:
    place = (context.rank - root) % context.size
    above = parent(place)
    assert above is not None  # noqa: S101 - only the root has none
    count, collected = array.size, array
    below = children(place, context.size)
    if below:
        collected = np.empty(count * span(place, context.size), array.dtype)
        collected[:count] = array
    for child in below:
        start = (child - place) * count
        end = start + span(child, context.size) * count
        context.receive((child + root) % context.size, collected[start:end])
    context.send((above + root) % context.size, collected)
    context.flush()


def scatter(context: Context, whole: Array | None, share: Array, root: int) -> None:
    """Fill every rank's share with its part of the root's array (None elsewhere)."""
    if share.nbytes >= LARGE_BYTES:
        scatterv(context, None if whole is None else shares(whole, context.size), share, root)
        return
    place = (context.rank - root) % context.size
    count = share.size
    above = parent(place)
    below = children(place, context.size)
    if whole is not None:
        held = np.roll(whole, -root * count) if root else whole
    elif below:
        held = np.empty(count * span(place, context.size), share.dtype)
    else:
        held = share
    if above is not None:
        context.receive((above + root) % context.size, held)
    for child in reversed(below):
        start = (child - place) * count
        end = start + span(child, context.size) * count
        context.send((child + root) % context.size, held[start:end])
    share[...] = held[:count]
    context.flush()


def allgather_peers(rank: int, size: int, share_bytes: int) -> Sequence[int]:
    """Whom `allgather` talks to."""
    return ring_peers(rank, size) if share_bytes >= LARGE_BYTES else dissemination_peers(rank, size)


def allgather(context: Context, whole: Array) -> None:
    """Complete `whole` on every rank; this rank's share is already in its place.

    Small shares: Bruck et al., Efficient algorithms for all-to-all communications (1997): what is known
    doubles every round.
    """
    parts = shares(whole, context.size)
    rank, size, count = context.rank, context.size, parts[0].size
    if parts[0].nbytes >= LARGE_BYTES:
        ring_allgather(context, parts)
        return
    held = np.empty_like(whole)
    held[:count] = parts[rank]
    for distance in powers(size):
        blocks = min(distance, size - distance)
        context.send((rank - distance) % size, held[: blocks * count])
        context.receive((rank + distance) % size, held[distance * count : (distance + blocks) * count])
        context.flush()
    after = (size - rank) * count  # the ranks from this one to the last come first
    whole[rank * count :], whole[: rank * count] = held[:after], held[after:]


def alltoall(context: Context, outgoing: Array, incoming: Array) -> None:
    """Send share j of `outgoing` to rank j, and fill share i of `incoming` with what rank i sends."""
    out, into = shares(outgoing, context.size), shares(incoming, context.size)
    into[context.rank][...] = out[context.rank]
    for distance in range(1, context.size):
        following, preceding = (
            (context.rank + distance) % context.size,
            (context.rank - distance) % context.size,
        )
        context.send(following, out[following])
        context.receive(preceding, into[preceding])
        context.flush()


def shares(whole: Array, size: int) -> list[Array]:
    """An array cut into equal parts, one a rank."""
    count = whole.size // size
    return [whole[rank * count : (rank + 1) * count] for rank in range(size)]


def barrier(context: Context, steps: Sequence[Step]) -> None:
    """Wait until every rank is here; `steps` are this rank's `barrier_steps`."""
    run_schedule(context, steps, np.empty(0, np.uint8), lambda *_: None)


@functools.cache
def dissemination_peers(rank: int, size: int) -> tuple[int, ...]:
    """The ranks at distances that are powers of two."""
    return tuple(other for d in powers(size) for other in ((rank + d) % size, (rank - d) % size))
