"""What an algorithm sends and receives with: the channel, the call, and large arrays in segments.

A segment that was just received is still in its core's cache when it is combined or passed on. The channel
knows the buffer of the next one beforehand, so nothing is copied twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives.select import SEGMENT_BYTES
from fmi.protocol.frames import Call


class Messages(Protocol):
    """What collective operations use of a channel; `fmi.channels.base.Channel` describes the methods."""

    oversubscribed: bool

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending."""

    def flush(self) -> None:
        """Wait until everything posted is on its way."""

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for a message that fills the buffer; returns its form."""

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """The next `receive` from this peer will be into this buffer."""

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for a message of any length; returns its form and its payload."""


@dataclass(slots=True)
class Context:
    """One call of one collective on one rank."""

    channel: Messages
    call: Call
    rank: int
    size: int
    form: int = 0

    def send(self, peer: int, array: Array) -> None:
        """Start sending; the array must not change until `flush`."""
        self.channel.post(peer, self.call, as_bytes(array), self.form)

    def receive(self, peer: int, array: Array) -> None:
        """Fill the array with the peer's next message, and take over its form."""
        self.form = self.channel.receive(peer, self.call, as_bytes(array))

    def prepare(self, peer: int, array: Array) -> None:
        """The next `receive` from this peer will fill this array; the message may be written there before."""
        self.channel.prepare(peer, self.call, as_bytes(array))

    def send_blob(self, peer: int, blob: memoryview) -> None:
        """Start sending bytes whose number the peer need not know; they must not change until `flush`."""
        self.channel.post(peer, self.call, blob, self.form)

    def receive_blob(self, peer: int) -> memoryview:
        """Receive the peer's next message, however long."""
        self.form, blob = self.channel.take(peer, self.call)
        return blob

    def flush(self) -> None:
        """Wait until what was sent may change."""
        self.channel.flush()


def as_bytes(array: Array) -> memoryview:
    """The memory of a contiguous array, without a copy."""
    return memoryview(array.view(np.uint8))  # type: ignore[arg-type]


def equal_blocks(whole: Array, size: int) -> list[Array]:
    """A flat array cut into one equal block for each rank."""
    count = whole.size // size
    return [whole[rank * count : (rank + 1) * count] for rank in range(size)]


def segments(array: Array) -> list[Array]:
    """A flat array cut into pieces of at most SEGMENT_BYTES; an empty array is one empty piece."""
    step = max(1, SEGMENT_BYTES // array.itemsize)
    return [array[start : start + step] for start in range(0, max(array.size, 1), step)]


def send_segments(context: Context, peer: int, array: Array) -> None:
    """Start sending an array to a rank that receives it in segments."""
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


def combine_received(received: Iterator[Array], mine: Array, out: Array, combine: Combine) -> None:
    """Combine the received segments with an array into `out`, which may be the array itself."""
    for theirs, piece, into in zip(received, segments(mine), segments(out), strict=True):
        combine(theirs, piece, into)


def receive_beside(context: Context, peer: int, like: Array) -> Iterator[Array]:
    """Receive an array of the size of `like`, segment by segment, into three buffers that are used in turn.

    A segment may still be being sent on while the next one is received, but not the one after that: it comes
    into the same buffer. The first segment may come as soon as this was called.
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
