"""Moving shares that may differ in size straight between the ranks concerned.

A share of another size than the receiver expects is a MismatchError.
"""

from __future__ import annotations

from collections.abc import Sequence

from fmi._datatypes import Array
from fmi.collectives._context import Context
from fmi.collectives._segments import exchange


def star_peers(rank: int, size: int, root: int) -> list[int]:
    """The root talks to everyone, everyone to the root."""
    return [other for other in range(size) if other != root] if rank == root else [root]


def ring_peers(rank: int, size: int) -> list[int]:
    """The neighbours on the ring."""
    return [(rank + 1) % size, (rank - 1) % size] if size > 1 else []


def exchange_peers(rank: int, size: int) -> list[int]:
    """Everyone talks to everyone."""
    return [other for other in range(size) if other != rank]


def gatherv(context: Context, array: Array, parts: Sequence[Array] | None, root: int) -> None:
    """Fill the root's parts (None elsewhere) with the ranks' arrays."""
    if parts is None:
        context.send(root, array)
        context.flush()
        return
    for other, part in enumerate(parts):
        if other != root:
            context.prepare(other, part)
    parts[root][...] = array
    for distance in range(1, context.size):
        other = (root + distance) % context.size
        context.receive(other, parts[other])


def scatterv(context: Context, parts: Sequence[Array] | None, share: Array, root: int) -> None:
    """Fill every rank's share with its part of the root's (None elsewhere)."""
    if parts is None:
        context.receive(root, share)
        return
    for distance in range(1, context.size):
        other = (root + distance) % context.size
        context.send(other, parts[other])
    share[...] = parts[root]
    context.flush()


def ring_allgather(context: Context, parts: Sequence[Array]) -> None:
    """Complete the parts on every rank, this rank's being there; every part goes around the ring once."""
    rank, size = context.rank, context.size
    for step in range(size - 1):
        exchange(
            context,
            (rank + 1) % size,
            parts[(rank - step) % size],
            (rank - 1) % size,
            parts[(rank - step - 1) % size],
        )
    context.flush()
