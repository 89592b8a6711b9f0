"""Allgather: every rank's block on every rank.

Small blocks: Bruck et al., Efficient algorithms for all-to-all communications in multiport message-passing
systems, 1997: what a rank holds doubles every round. Large blocks, and blocks of different sizes, go around
the ring once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi.collectives.context import Context, equal_blocks
from fmi.collectives.select import is_large_block
from fmi.collectives.topology import dissemination_peers, powers, ring_peers


def allgather_peers(rank: int, size: int, block_bytes: int) -> Sequence[int]:
    """The ranks that `allgather` talks to."""
    return ring_peers(rank, size) if is_large_block(block_bytes) else dissemination_peers(rank, size)


def allgather(context: Context, whole: Array) -> None:
    """Complete `whole` on every rank; this rank's block is already in its place."""
    blocks = equal_blocks(whole, context.size)
    rank, size, count = context.rank, context.size, blocks[0].size
    if is_large_block(blocks[0].nbytes):
        ring_allgather(context, blocks)
        return
    held = np.empty_like(whole)
    held[:count] = blocks[rank]
    for distance in powers(size):
        sent = min(distance, size - distance)
        context.send((rank - distance) % size, held[: sent * count])
        context.receive((rank + distance) % size, held[distance * count : (distance + sent) * count])
        context.flush()
    after = (size - rank) * count  # the ranks from this one to the last come first
    whole[rank * count :], whole[: rank * count] = held[:after], held[after:]


def ring_allgather(context: Context, blocks: Sequence[Array]) -> None:
    """Complete the blocks on every rank, which may differ in size; this rank's own is already there."""
    rank, size = context.rank, context.size
    following, preceding = (rank + 1) % size, (rank - 1) % size
    for step in range(size - 1):
        incoming = blocks[(rank - step - 1) % size]
        context.prepare(preceding, incoming)
        context.send(following, blocks[(rank - step) % size])
        context.receive(preceding, incoming)
    context.flush()
