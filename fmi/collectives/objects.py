"""Object collectives: the operations over byte strings (blobs) whose length only their sender knows.

They use the binomial trees of the other collectives. A message on its way through a tree is a pack: the
blobs of a whole subtree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from fmi.collectives.context import Context
from fmi.collectives.topology import children, parent, span

Blob = memoryview
_ALIGNMENT = 16


def pack(blobs: Sequence[Blob]) -> Blob:
    """Blobs as one: their number, their lengths (8 bytes each), and each blob at a multiple of 16."""
    table = struct.pack(f"<{len(blobs) + 1}Q", len(blobs), *map(len, blobs))
    ends = _layout(list(map(len, blobs)))
    data = bytearray(ends[-1][1])
    data[: len(table)] = table
    for blob, (start, end) in zip(blobs, ends[1:], strict=True):
        data[start:end] = blob
    return memoryview(data)


def unpack(data: Blob) -> list[Blob]:
    """The blobs in a pack."""
    (count,) = struct.unpack_from("<Q", data)
    lengths = list(struct.unpack_from(f"<{count}Q", data, 8))
    return [data[start:end] for start, end in _layout(lengths)[1:]]


def _layout(lengths: list[int]) -> list[tuple[int, int]]:
    """Where the table and the blobs begin and end."""
    places = [(0, 8 * (len(lengths) + 1))]
    for length in lengths:
        start = -(-places[-1][1] // _ALIGNMENT) * _ALIGNMENT
        places.append((start, start + length))
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
        held += unpack(context.receive_blob((child + root) % context.size))
    above = parent(place)
    if above is None:
        return held[context.size - root :] + held[: context.size - root]
    context.send_blob((above + root) % context.size, pack(held))
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
        held = unpack(context.receive_blob((above + root) % context.size))
    for child in reversed(children(place, context.size)):
        start = child - place
        branch = pack(held[start : start + span(child, context.size)])
        context.send_blob((child + root) % context.size, branch)
    context.flush()
    return held[0]


def allgather(context: Context, blob: Blob) -> list[Blob]:
    """Return every rank's blob, in rank order, on every rank."""
    everything = gather(context, blob, 0)
    return unpack(bcast(context, memoryview(b"") if everything is None else pack(everything), 0))


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
