"""Object collectives: the operations over byte strings (blobs) whose length only their sender knows.

They use the binomial trees of the other collectives. A message on its way through a tree is a pack: the
blobs of a whole subtree. Large blobs follow their pack as separate messages, so that nobody copies them, and
keeping one does not keep the memory of the others.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence

from fmi.collectives import allgather as blocks
from fmi.collectives import bcast as trees
from fmi.collectives.context import Context
from fmi.collectives.schedule import Schedule
from fmi.collectives.topology import children, parent, span

Blob = memoryview
_ALIGNMENT = 16
LARGE_BYTES = 1 << 20


@functools.cache
def tree_peers(rank: int, size: int, root: int) -> tuple[int, ...]:
    """The ranks that all operations but `alltoall` talk to."""
    return Schedule(trees.tree(rank, size, 0, root)).peers


@functools.cache
def exchange_peers(rank: int, size: int) -> tuple[int, ...]:
    """The ranks that `alltoall` talks to."""
    return Schedule(blocks.pairwise(rank, size, 0)).peers


def pack(blobs: Sequence[Blob]) -> Blob:
    """Blobs as one: their number, their lengths (8 bytes each), and the small ones at multiples of 16."""
    table = struct.pack(f"<{len(blobs) + 1}Q", len(blobs), *map(len, blobs))
    ends = _layout(list(map(len, blobs)))
    data = memoryview(bytearray(ends[-1][1]))
    data[: len(table)] = table
    for blob, (start, end) in zip(blobs, ends[1:], strict=True):
        if start < end:
            data[start:end] = blob
    return data


def send_pack(context: Context, peer: int, blobs: Sequence[Blob]) -> None:
    """Start sending several blobs; the large ones must not change until `flush`."""
    context.send_blob(peer, pack(blobs))
    for blob in blobs:
        if len(blob) >= LARGE_BYTES:
            context.send_blob(peer, blob)


def receive_pack(context: Context, peer: int) -> list[Blob]:
    """What a peer's `send_pack` sends."""
    data = context.receive_blob(peer)
    (count,) = struct.unpack_from("<Q", data)
    lengths = list(struct.unpack_from(f"<{count}Q", data, 8))
    return [
        context.receive_blob(peer) if length >= LARGE_BYTES else data[start:end]
        for length, (start, end) in zip(lengths, _layout(lengths)[1:], strict=True)
    ]


def _layout(lengths: list[int]) -> list[tuple[int, int]]:
    """Where the table and the blobs begin and end; the large ones take no room."""
    places = [(0, 8 * (len(lengths) + 1))]
    for length in lengths:
        start = -(-places[-1][1] // _ALIGNMENT) * _ALIGNMENT
        places.append((start, start + (length if length < LARGE_BYTES else 0)))
    return places


def bcast(context: Context, blob: Blob, root: int) -> Blob:
    """Return the root's blob on every rank; what the others pass is ignored."""
    place = (context.rank - root) % context.size
    above = parent(place)
    if above is not None:
        blob = context.receive_blob((above + root) % context.size)
    for child in reversed(children(place, context.size)):
        context.send_blob((child + root) % context.size, blob)
    context.flush()
    return blob


def gather(context: Context, blob: Blob, root: int) -> list[Blob] | None:
    """Return every rank's blob, in rank order, on the root; None elsewhere."""
    place = (context.rank - root) % context.size
    held = [blob]
    for child in children(place, context.size):
        held += receive_pack(context, (child + root) % context.size)
    above = parent(place)
    if above is None:
        return held[context.size - root :] + held[: context.size - root]
    send_pack(context, (above + root) % context.size, held)
    context.flush()
    return None


def reduce(context: Context, blob: Blob, root: int, combine: Callable[[Blob, Blob], Blob]) -> Blob | None:
    """Return all ranks' blobs combined on the root; None elsewhere.

    A subtree holds the ranks right after its head, so combining the children in turn keeps the rank order,
    beginning at the root.
    """
    place = (context.rank - root) % context.size
    for child in children(place, context.size):
        blob = combine(blob, context.receive_blob((child + root) % context.size))
    above = parent(place)
    if above is None:
        return blob
    context.send_blob((above + root) % context.size, blob)
    context.flush()
    return None


def scatter(context: Context, blobs: Sequence[Blob] | None, root: int) -> Blob:
    """Return this rank's one of the root's blobs (None elsewhere)."""
    place = (context.rank - root) % context.size
    above = parent(place)
    if above is None:
        assert blobs is not None  # noqa: S101 - the root has them
        held = [*blobs[root:], *blobs[:root]]
    else:
        held = receive_pack(context, (above + root) % context.size)
    for child in reversed(children(place, context.size)):
        start = child - place
        branch = held[start : start + span(child, context.size)]
        send_pack(context, (child + root) % context.size, branch)
    context.flush()
    return held[0]


def allgather(context: Context, blob: Blob) -> list[Blob]:
    """Return every rank's blob, in rank order, on every rank."""
    everything = gather(context, blob, 0)
    if everything is None:
        everything = receive_pack(context, parent(context.rank) or 0)
    for child in reversed(children(context.rank, context.size)):
        send_pack(context, child, everything)
    context.flush()
    return everything


def alltoall(context: Context, blobs: Sequence[Blob]) -> list[Blob]:
    """Send blob j to rank j; return what every rank sent to this one, in rank order."""
    received = list(blobs)
    for distance in range(1, context.size):
        following, preceding = (
            (context.rank + distance) % context.size,
            (context.rank - distance) % context.size,
        )
        context.send_blob(following, blobs[following])
        received[preceding] = context.receive_blob(preceding)
        context.flush()
    return received
