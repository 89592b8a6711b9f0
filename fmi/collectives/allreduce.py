"""Allreduce and reduce_scatter: all ranks' arrays combined, on every rank or one block on each.

Small arrays go by recursive doubling, or through rank 0 where ranks share cores. Of large ones each rank
combines one block and hands it out, so that each byte moves twice: by recursive halving and doubling where
the world size is a power of two, else around the ring. Halving takes 2·log2(p) rounds instead of 2·(p - 1).
Every element is combined on one rank and copied from there, or everywhere in the same order, so all ranks get
the same bits. Source: Thakur, Rabenseifner, Gropp, Optimization of collective communication operations in
MPICH, 2005, section 4.5.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fmi.collectives import allgather
from fmi.collectives.schedule import Act, Step
from fmi.collectives.topology import children, even_bounds, parent, powers, segments


def doubling(rank: int, size: int, count: int) -> list[Step]:
    """Recursive doubling. A group is always a run of neighbouring ranks, so the order is kept.

    In a world that is no power of two the first ranks work in pairs, an even one and the next one, which
    acts for both.
    """
    extra = size - (1 << (size.bit_length() - 1))
    paired = rank < 2 * extra
    if paired and rank % 2 == 0:
        return [Step(Act.SEND, rank + 1, 0, count), Step(Act.TAKE, rank + 1, 0, count)]
    place = rank // 2 if paired else rank - extra
    steps = [Step(Act.AFTER, rank - 1, 0, count)] if paired else []
    for distance in powers(size - extra):
        other = place ^ distance
        peer = 2 * other + 1 if other < extra else other + extra
        steps += [Step(Act.SEND, peer, 0, count), Step(_order(rank, peer), peer, 0, count)]
    return [*steps, Step(Act.SEND, rank - 1, 0, count)] if paired else steps


def through_rank_0(rank: int, size: int, count: int, star_ranks: int) -> list[Step]:
    """Rank 0 hears from all and answers all: the fewest messages, for ranks that take turns on a core.

    Directly in worlds of up to `star_ranks`, along a binomial tree in larger ones.
    """
    if size <= star_ranks:
        below, above = tuple(range(1, size)) if rank == 0 else (), 0 if rank else None
    else:
        below, above = children(rank, size), parent(rank)
    steps = [Step(Act.BEFORE, child, 0, count) for child in below]
    if above is not None:
        steps += [Step(Act.SEND, above, 0, count), Step(Act.TAKE, above, 0, count)]
    return [*steps, *(Step(Act.SEND, child, 0, count) for child in reversed(below))]


def halving(rank: int, size: int, count: int, segment: int) -> list[Step]:
    """Halve with ranks ever farther away what is combined here, then double what is complete.

    The world size is a power of two. What is combined travels in segments, what is handed out does not.
    """
    reducing: list[Step] = []
    handing_out: list[Step] = []
    lo, hi = 0, count
    for distance in powers(size):
        peer, middle = rank ^ distance, (lo + hi) // 2
        lower, upper = (lo, middle), (middle, hi)
        mine, theirs = (lower, upper) if rank < peer else (upper, lower)
        reducing += [Step(Act.SEND, peer, *piece) for piece in segments(*theirs, segment)]
        reducing += [Step(_order(rank, peer), peer, *piece) for piece in segments(*mine, segment)]
        handing_out = [Step(Act.SEND, peer, *mine), Step(Act.TAKE, peer, *theirs), *handing_out]
        lo, hi = mine
    return reducing + handing_out


def ring(rank: int, size: int, count: int, segment: int) -> list[Step]:
    """Each block travels the ring twice: once to be combined, once to be handed out."""
    bounds = list(itertools.pairwise(even_bounds(count, size)))
    return ring_reduce(rank, size, bounds, segment) + allgather.ring(rank, size, bounds)


def ring_reduce(rank: int, size: int, bounds: Sequence[tuple[int, int]], segment: int) -> list[Step]:
    """This rank's block combined; of the others' partial results are left. They lie where `bounds` says."""
    steps = []
    for distance in range(1, size):
        outgoing = segments(*bounds[(rank - distance) % size], segment)
        incoming = segments(*bounds[(rank - distance - 1) % size], segment)
        steps += [Step(Act.SEND, (rank + 1) % size, *piece) for piece in outgoing]
        steps += [Step(Act.AFTER, (rank - 1) % size, *piece) for piece in incoming]
    return steps


def _order(rank: int, peer: int) -> Act:
    return Act.AFTER if peer < rank else Act.BEFORE
