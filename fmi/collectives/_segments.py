"""Large arrays in segments, so that a rank works on one while the next is on its way.

A segment that was just received is still in its core's cache when it is combined or passed on, and the
buffer for the next one is known to the channel beforehand, so that nothing is copied twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives._context import Context

SEGMENT_BYTES = 2 << 20


def segments(array: Array) -> list[Array]:
    """A flat array cut into pieces of at most SEGMENT_BYTES; one piece of nothing where there is nothing."""
    step = max(1, SEGMENT_BYTES // array.itemsize)
    return [array[start : start + step] for start in range(0, max(array.size, 1), step)]


def send_segments(context: Context, peer: int, array: Array) -> None:
    """Start sending an array to a rank that takes it in segments."""
    for piece in segments(array):
        context.send(peer, piece)


def receive_segments(context: Context, peer: int, array: Array) -> Iterator[Array]:
    """Fill an array segment by segment; each is yielded as soon as it is there."""
    pieces = segments(array)
    for index, piece in enumerate(pieces):
        context.receive(peer, piece)
        if index + 1 < len(pieces):
            context.prepare(peer, pieces[index + 1])
        yield piece


def exchange(context: Context, to: int, outgoing: Array, source: int, incoming: Array) -> None:
    """Send one array and fill another one. What is sent must not change until `flush`."""
    context.prepare(source, incoming)
    context.send(to, outgoing)
    context.receive(source, incoming)


def combine_received(received: Iterator[Array], mine: Array, out: Array, combine: Combine) -> None:
    """Put an array and what is received beside it together into `out`, which may be the array itself."""
    for theirs, piece, into in zip(received, segments(mine), segments(out), strict=True):
        combine(theirs, piece, into)


def receive_beside(context: Context, peer: int, like: Array) -> Iterator[Array]:
    """Receive an array of the size of `like`, segment by segment, into buffers that are used in turn.

    A segment may still be being sent on when the next one is asked for, but not the next but one: that is
    then coming into the same buffer. The first segment may come as soon as this was called.
    """
    sizes = [piece.size for piece in segments(like)]
    buffers = [np.empty(sizes[0], like.dtype) for _ in sizes[:3]]
    context.prepare(peer, buffers[0])
    return _receive_in_turn(context, peer, sizes, buffers)


def _receive_in_turn(context: Context, peer: int, sizes: list[int], buffers: list[Array]) -> Iterator[Array]:
    for index, size in enumerate(sizes):
        received = buffers[index % 3][:size]
        context.receive(peer, received)
        if index + 1 < len(sizes):
            context.prepare(peer, buffers[(index + 1) % 3][: sizes[index + 1]])
        yield received
