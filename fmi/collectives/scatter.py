"""Scatter: each rank's block of the root's array, along a binomial tree or straight to each rank.

A block of another size than the receiver expects is a MismatchError. `scatter` talks to `gather_peers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi.collectives.context import Context, equal_blocks
from fmi.collectives.select import is_large_block
from fmi.collectives.topology import children, parent, span


def scatter(context: Context, whole: Array | None, block: Array, root: int) -> None:
    """Fill every rank's block with its part of the root's array (None elsewhere)."""
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
