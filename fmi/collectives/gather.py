"""Gather and scatter: every rank's block to the root, and from it; along a binomial tree, or straight.

A block of another size than the receiver expects is a MismatchError.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi.collectives.context import Context, equal_blocks
from fmi.collectives.select import is_large_block
from fmi.collectives.topology import children, parent, span, star_peers, tree_peers


def gather_peers(rank: int, size: int, root: int, block_bytes: int) -> Sequence[int]:
    """The ranks that `gather` and `scatter` talk to."""
    return star_peers(rank, size, root) if is_large_block(block_bytes) else tree_peers(rank, size, root)


def gather(context: Context, array: Array, whole: Array | None, root: int) -> None:
    """Fill the root's `whole` (None elsewhere) with every rank's array, in rank order."""
    if is_large_block(array.nbytes):
        gatherv(context, array, None if whole is None else equal_blocks(whole, context.size), root)
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
        else:  # this subtree wraps around to rank 0
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


def gatherv(context: Context, array: Array, blocks: Sequence[Array] | None, root: int) -> None:
    """Fill the root's blocks (None elsewhere), which may differ in size, with the ranks' arrays."""
    if blocks is None:
        context.send(root, array)
        context.flush()
        return
    for other, block in enumerate(blocks):
        if other != root:
            context.prepare(other, block)
    blocks[root][...] = array
    for distance in range(1, context.size):
        other = (root + distance) % context.size
        context.receive(other, blocks[other])


def scatter(context: Context, whole: Array | None, block: Array, root: int) -> None:
    """Fill every rank's block with its part of the root's array (None elsewhere); talks to `gather_peers`."""
    if is_large_block(block.nbytes):
        scatterv(context, None if whole is None else equal_blocks(whole, context.size), block, root)
        return
    place = (context.rank - root) % context.size
    count = block.size
    above = parent(place)
    below = children(place, context.size)
    if whole is not None:
        held = np.roll(whole, -root * count) if root else whole
    elif below:
        held = np.empty(count * span(place, context.size), block.dtype)
    else:
        held = block
    if above is not None:
        context.receive((above + root) % context.size, held)
    for child in reversed(below):
        start = (child - place) * count
        end = start + span(child, context.size) * count
        context.send((child + root) % context.size, held[start:end])
    block[...] = held[:count]
    context.flush()


def scatterv(context: Context, blocks: Sequence[Array] | None, block: Array, root: int) -> None:
    """Fill every rank's block with its one of the root's (None elsewhere), which may differ in size."""
    if blocks is None:
        context.receive(root, block)
        return
    for distance in range(1, context.size):
        other = (root + distance) % context.size
        context.send(other, blocks[other])
    block[...] = blocks[root]
    context.flush()
