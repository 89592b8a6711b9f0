"""Alltoall: every rank sends each other one a block of its own, pairwise."""

from __future__ import annotations

from fmi._datatypes import Array
from fmi.collectives.context import Context, equal_blocks


def alltoall(context: Context, outgoing: Array, incoming: Array) -> None:
    """Send block j of `outgoing` to rank j, and fill block i of `incoming` with what rank i sends.

    In step d each rank sends to the rank d above it and receives from the rank d below it.
    """
    rank, size = context.rank, context.size
    out, into = equal_blocks(outgoing, size), equal_blocks(incoming, size)
    into[rank][...] = out[rank]
    for distance in range(1, size):
        following, preceding = (rank + distance) % size, (rank - distance) % size
        context.send(following, out[following])
        context.receive(preceding, into[preceding])
        context.flush()
