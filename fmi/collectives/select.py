"""Which algorithm a collective call uses: the table of all limits, and the choices made from them.

    bcast            binomial tree; along a chain, in segments, where that takes fewer turns
    reduce           as bcast; with two ranks along the chain from LARGE_REDUCTION_BYTES on
    gather, scatter  binomial tree; straight between root and rank for blocks from LARGE_BLOCK_BYTES on
    allgather        Bruck's algorithm; around the ring for blocks from LARGE_BLOCK_BYTES on
    allreduce        recursive doubling, or through rank 0 where ranks share cores; from
                     `large_allreduce_bytes` on each rank combines one block: by recursive halving, or around
                     the ring
    reduce_scatter   as allreduce; around the ring from LARGE_REDUCTION_BYTES on
    scan             shifts by powers of two; up and down a tree for a custom function
    barrier          dissemination, or through rank 0 where ranks share cores

Every choice depends only on what all ranks know alike: world size, number of bytes and elements, function,
and whether ranks share cores. So all ranks make the same one.
"""

from __future__ import annotations

from fmi._ops import func

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
# Up to here each message of recursive halving is one segment.
ONE_SEGMENT_HALVING_BYTES = 2 * SEGMENT_BYTES
# Up to here one rank that hears from all and answers all is done sooner than a tree, whose inner ranks have
# to be woken more often.
STAR_RANKS = 16


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


def is_large_allreduce(size: int, oversubscribed: bool, nbytes: int, count: int, function: func) -> bool:
    """Whether each rank of an allreduce combines one block of the array."""
    return nbytes >= large_allreduce_bytes(size, oversubscribed) and _has_blocks(size, count, function)


def is_large_reduce_scatter(size: int, nbytes: int, count: int, function: func) -> bool:
    """Whether a reduce_scatter goes around the ring."""
    return nbytes >= LARGE_REDUCTION_BYTES and _has_blocks(size, count, function)


def uses_halving(size: int) -> bool:
    """Whether a large allreduce goes by halving and doubling (powers of two), or else around the ring."""
    return not size & (size - 1)


def scans_by_tree(function: func) -> bool:
    """Whether a scan uses the tree: it applies a custom function in the order of the original."""
    return function.associative and not function.elementwise


def _has_blocks(size: int, count: int, function: func) -> bool:
    return function.elementwise and count >= size > 1
