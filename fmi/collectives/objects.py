"""The collective operations over byte strings of which nobody but their owner knows the length.

Trees as in `collectives`; on its way through one, a message is a pack: the blobs of a whole subtree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from fmi.collectives._context import Stage
from fmi.collectives._topology import children, parent, span

Blob = memoryview
_ALIGNMENT = 16


def pack(blobs: Sequence[Blob]) -> Blob:
    """Blobs as one: their number, their lengths (8 bytes each), and each at a multiple of 16."""
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


def bcast(stage: Stage, blob: Blob, root: int) -> Blob:
    """The root's blob, on every rank; what the others pass is ignored."""
    place = (stage.rank - root) % stage.size
    above = parent(place)
    if above is not None:
        blob = stage.receive_blob((above + root) % stage.size)
    for child in reversed(children(place, stage.size)):
        stage.send_blob((child + root) % stage.size, blob)
    stage.flush()
    return blob


def gather(stage: Stage, blob: Blob, root: int) -> list[Blob] | None:
    """Every rank's blob, in rank order, on the root; None elsewhere."""
    place = (stage.rank - root) % stage.size
    held = [blob]
    for child in children(place, stage.size):
        held += unpack(stage.receive_blob((child + root) % stage.size))
    above = parent(place)
    if above is None:
        return held[stage.size - root :] + held[: stage.size - root]
    stage.send_blob((above + root) % stage.size, pack(held))
    stage.flush()
    return None


def reduce(stage: Stage, blob: Blob, root: int, combine: Callable[[Blob, Blob], Blob]) -> Blob | None:
    """All ranks' blobs combined on the root; None elsewhere.

    A subtree holds the ranks right after its head, so combining the children in turn keeps the order of the
    ranks, beginning at the root.
    """
    place = (stage.rank - root) % stage.size
    for child in children(place, stage.size):
        blob = combine(blob, stage.receive_blob((child + root) % stage.size))
    above = parent(place)
    if above is None:
        return blob
    stage.send_blob((above + root) % stage.size, blob)
    stage.flush()
    return None


def scatter(stage: Stage, blobs: Sequence[Blob] | None, root: int) -> Blob:
    """This rank's one of the root's blobs (None elsewhere)."""
    place = (stage.rank - root) % stage.size
    above = parent(place)
    if above is None:
        assert blobs is not None  # noqa: S101 - the root has them
        held = [*blobs[root:], *blobs[:root]]
    else:
        held = unpack(stage.receive_blob((above + root) % stage.size))
    for child in reversed(children(place, stage.size)):
        start = child - place
        branch = pack(held[start : start + span(child, stage.size)])
        stage.send_blob((child + root) % stage.size, branch)
    stage.flush()
    return held[0]


def allgather(stage: Stage, blob: Blob) -> list[Blob]:
    """Every rank's blob, in rank order, on every rank."""
    everything = gather(stage, blob, 0)
    return unpack(bcast(stage, memoryview(b"") if everything is None else pack(everything), 0))


def alltoall(stage: Stage, blobs: Sequence[Blob]) -> list[Blob]:
    """What every rank has for this one, in rank order."""
    received = list(blobs)
    for distance in range(1, stage.size):
        following, preceding = (stage.rank + distance) % stage.size, (stage.rank - distance) % stage.size
        stage.send_blob(following, blobs[following])
        received[preceding] = stage.receive_blob(preceding)
        stage.flush()
    return received
