"""Which schedule a collective call uses: the table of all limits, and the choices made from them.

    bcast            binomial tree; along a chain, in segments, where that takes fewer turns
    reduce           as bcast; with two ranks along the chain from LARGE_REDUCTION_BYTES on
    gather, scatter  binomial tree; straight between root and rank for blocks from LARGE_BLOCK_BYTES on
    allgather        Bruck's algorithm; around the ring for blocks from LARGE_BLOCK_BYTES on
    allreduce        recursive doubling, or through rank 0 where ranks share cores; from
                     `large_allreduce_bytes` on each rank combines one block: by recursive halving, or around
                     the ring
    reduce_scatter   as allreduce; around the ring from LARGE_REDUCTION_BYTES on
    scan, exscan     shifts by powers of two; scan up and down a tree for a custom function
    alltoall         pairwise
    barrier          dissemination, or through rank 0 where ranks share cores

A function that is not associative is applied on rank 0, strictly from the first rank on, to what was
gathered there. Every choice depends only on what all ranks know alike: world size, number of bytes and
elements, function, and whether ranks share cores. So all ranks make the same one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, cast

from fmi._ops import func
from fmi.collectives import allgather, allreduce, barrier, bcast, gather, reduce, scan
from fmi.collectives.schedule import Schedule, Step
from fmi.collectives.topology import span

# Large arrays travel in pieces of this size: a rank works on one while the next is on its way.
SEGMENT_BYTES = 2 << 20
# From this size of a block on, forwarding it through other ranks costs more than the rounds it saves.
LARGE_BLOCK_BYTES = 64 * 1024
# From here on the bytes of a reduction count more than its rounds.
LARGE_REDUCTION_BYTES = 64 * 1024
# With two ranks, one message carries as many bytes as two halves do: from here on copies decide.
LARGE_FOR_TWO_BYTES = 512 * 1024
# Where ranks share cores, fewer messages pay for longer.
LARGE_OVERSUBSCRIBED_BYTES = 1 << 20
# Up to here one rank that hears from all and answers all is done sooner than a tree, whose inner ranks have
# to be woken more often.
STAR_RANKS = 16


# Schedules that are kept: a program makes the same calls again and again.
KEPT = 256


class Place(NamedTuple):
    """Whose schedule it is: a rank and the number of ranks."""

    rank: int
    size: int


class Amount(NamedTuple):
    """How much there is: a number of elements, and the bytes of one."""

    elements: int
    itemsize: int

    @property
    def nbytes(self) -> int:
        """All elements' bytes."""
        return self.elements * self.itemsize

    @property
    def segment(self) -> int:
        """Elements of a segment."""
        return max(1, SEGMENT_BYTES // self.itemsize)


class Rules(NamedTuple):
    """What may be done with a reduction function; see `fmi.func`."""

    elementwise: bool = True
    associative: bool = True
    commutative: bool = True

    @classmethod
    def of(cls, function: func) -> Rules:
        """A function's. A cache that knows only these does not keep a user's function alive."""
        return cls(function.elementwise, function.associative, function.commutative)


ANY_ORDER = Rules()


# The choices


def is_large_block(nbytes: int) -> bool:
    """Whether the blocks of gather, scatter and allgather go straight between the ranks concerned."""
    return nbytes >= LARGE_BLOCK_BYTES


def is_chain_faster(size: int, nbytes: int) -> bool:
    """Whether the chain takes fewer turns than a binomial tree in which every rank forwards the whole.

    Along the chain the last of k segments leaves the root after k turns and has p - 2 more ranks to pass.
    In the tree every level takes as many turns as there are segments.
    """
    count = -(-nbytes // SEGMENT_BYTES)
    return count + size - 2 < count * (size - 1).bit_length()


def is_chain_reduction_faster(size: int, nbytes: int) -> bool:
    """As `is_chain_faster`, for a reduction; with two ranks the chain saves the root a copy."""
    return nbytes >= LARGE_REDUCTION_BYTES if size == 2 else is_chain_faster(size, nbytes)


def large_allreduce_bytes(size: int, oversubscribed: bool) -> int:
    """From which size on each rank of an allreduce combines one block, where blocks can be combined."""
    if oversubscribed:
        return LARGE_OVERSUBSCRIBED_BYTES
    return LARGE_FOR_TWO_BYTES if size == 2 else LARGE_REDUCTION_BYTES


def is_large_allreduce(size: int, amount: Amount, rules: Rules, oversubscribed: bool) -> bool:
    """Whether each rank of an allreduce combines one block of the array."""
    large = amount.nbytes >= large_allreduce_bytes(size, oversubscribed)
    return large and rules.elementwise and amount.elements >= size > 1


def is_large_reduce_scatter(size: int, amount: Amount, rules: Rules) -> bool:
    """Whether a reduce_scatter goes around the ring."""
    return amount.nbytes >= LARGE_REDUCTION_BYTES and rules.elementwise and amount.elements >= size > 1


def uses_halving(size: int) -> bool:
    """Whether a large allreduce goes by halving and doubling (powers of two), or else around the ring."""
    return not size & (size - 1)


# The schedules

Arguments = ParamSpec("Arguments")


def _kept(choose: Callable[Arguments, list[Step]]) -> Callable[Arguments, Schedule]:
    """Make a schedule of the chosen steps, and keep it."""

    @functools.lru_cache(KEPT)
    @functools.wraps(choose)
    def schedule(*arguments: Arguments.args, **named: Arguments.kwargs) -> Schedule:
        return Schedule(choose(*arguments, **named))

    return cast("Callable[Arguments, Schedule]", schedule)


@_kept
def barrier_schedule(place: Place, oversubscribed: bool) -> list[Step]:
    """The steps of a barrier; its messages are empty."""
    if oversubscribed:
        return allreduce.through_rank_0(*place, 0, STAR_RANKS)
    return barrier.dissemination(*place)


@_kept
def bcast_schedule(place: Place, amount: Amount, root: int) -> list[Step]:
    """The steps of a broadcast of an array in the buffer."""
    return _bcast(place, amount, root)


@_kept
def gather_schedule(place: Place, amount: Amount, root: int) -> list[Step]:
    """The steps of a gather of blocks of this amount; see `gathers_straight` for where they lie."""
    return _gather(place, amount, root)


@_kept
def scatter_schedule(place: Place, amount: Amount, root: int) -> list[Step]:
    """The steps of a scatter of blocks of this amount; they lie as those of a gather."""
    if is_large_block(amount.nbytes):
        return gather.scatter_star(*place, root, _even(place.size, amount.elements))
    return gather.scatter_tree(*place, amount.elements, root)


@_kept
def gatherv_schedule(place: Place, root: int, bounds: tuple[tuple[int, int], ...]) -> list[Step]:
    """The steps of a gather straight to where `bounds` says; elsewhere than on the root see `gather.star`."""
    return gather.star(*place, root, bounds)


@_kept
def scatterv_schedule(place: Place, root: int, bounds: tuple[tuple[int, int], ...]) -> list[Step]:
    """The steps of a scatter straight from where `bounds` says."""
    return gather.scatter_star(*place, root, bounds)


@_kept
def allgather_schedule(place: Place, amount: Amount) -> list[Step]:
    """The steps of an allgather of blocks of this amount.

    Large ones lie in rank order; small ones in the order of the ranks from this one on.
    """
    if is_large_block(amount.nbytes):
        return allgather.ring(*place, _even(place.size, amount.elements))
    return allgather.bruck(*place, amount.elements)


@_kept
def allgatherv_schedule(place: Place, bounds: tuple[tuple[int, int], ...]) -> list[Step]:
    """The steps of an allgather of blocks that lie where `bounds` says."""
    return allgather.ring(*place, bounds)


@_kept
def alltoall_schedule(place: Place, amount: Amount) -> list[Step]:
    """The steps of an alltoall of blocks of this amount; what is sent lies behind what is received."""
    return allgather.pairwise(*place, amount.elements)


@_kept
def reduce_schedule(place: Place, amount: Amount, root: int, rules: Rules = ANY_ORDER) -> list[Step]:
    """The steps of a reduction. Of a strict one see `strict_count` and `strict_result`."""
    rank, size = place
    if not rules.associative:
        start = strict_result(place, amount, 0)
        return [*_gather_and_fold(place, amount), *reduce.hand_over(rank, root, start, amount.elements)]
    if rules.elementwise and is_chain_reduction_faster(size, amount.nbytes):
        return reduce.chain(*place, amount.elements, root, amount.segment)
    if rules.commutative:
        return reduce.tree(*place, amount.elements, root)
    return reduce.in_rank_order(*place, amount.elements, root)


@_kept
def allreduce_schedule(
    place: Place, amount: Amount, rules: Rules = ANY_ORDER, oversubscribed: bool = False
) -> list[Step]:
    """The steps of an allreduce. Of a strict one see `strict_count` and `strict_result`."""
    if not rules.associative:
        start = strict_result(place, amount, 0)
        handing_out = _bcast(place, amount, 0)
        return [*_gather_and_fold(place, amount), *(step.moved(start) for step in handing_out)]
    if is_large_allreduce(place.size, amount, rules, oversubscribed):
        large = allreduce.halving if uses_halving(place.size) else allreduce.ring
        return large(*place, amount.elements, amount.segment)
    # A custom function is applied in the order of the original, whichever takes fewer messages.
    if oversubscribed and rules.elementwise:
        return allreduce.through_rank_0(*place, amount.elements, STAR_RANKS)
    return allreduce.doubling(*place, amount.elements)


@_kept
def ring_reduce_schedule(place: Place, bounds: tuple[tuple[int, int], ...], segment: int) -> list[Step]:
    """The steps of a large reduce_scatter; the blocks lie where `bounds` says."""
    return allreduce.ring_reduce(*place, bounds, segment)


@_kept
def scan_schedule(place: Place, amount: Amount, rules: Rules = ANY_ORDER) -> list[Step]:
    """The steps of a scan."""
    if not rules.associative:
        return scan.along(*place, amount.elements)
    if not rules.elementwise:  # a custom function is applied in the order of the original
        return scan.tree(*place, amount.elements)
    return scan.shifts(*place, amount.elements)


@_kept
def exscan_schedule(place: Place, amount: Amount, rules: Rules = ANY_ORDER) -> list[Step]:
    """The steps of an exscan; its buffer has three parts, see `fmi.collectives.scan`."""
    if rules.associative:
        return scan.exclusive_shifts(*place, amount.elements)
    return scan.exclusive_along(*place, amount.elements)


# Strict reductions


def strict_count(place: Place, amount: Amount) -> int:
    """Elements of the buffer of a strict reduction: what a gather to rank 0 needs."""
    if is_large_block(amount.nbytes) and place.rank:
        return amount.elements
    return span(place.rank, place.size) * amount.elements


def strict_result(place: Place, amount: Amount, root: int) -> int:
    """Where the result of a strict reduction begins in the buffer of a rank that gets it."""
    last = (place.size - 1) * amount.elements
    return last if place.rank == 0 == root else 0


def _gather_and_fold(place: Place, amount: Amount) -> list[Step]:
    folding = reduce.fold(place.size, amount.elements) if place.rank == 0 else []
    return [*_gather(place, amount, 0), *folding]


# Steps of which others are made


def _bcast(place: Place, amount: Amount, root: int) -> list[Step]:
    if is_chain_faster(place.size, amount.nbytes):
        return bcast.chain(*place, amount.elements, root, amount.segment)
    return bcast.tree(*place, amount.elements, root)


def _gather(place: Place, amount: Amount, root: int) -> list[Step]:
    if is_large_block(amount.nbytes):
        return gather.star(*place, root, _even(place.size, amount.elements))
    return gather.tree(*place, amount.elements, root)


def _even(size: int, block: int) -> list[tuple[int, int]]:
    return [(rank * block, (rank + 1) * block) for rank in range(size)]
