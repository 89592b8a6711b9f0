"""Persistent calls of a large allreduce by recursive halving and doubling.

The header and the part of the arrays of every message, which `fmi.collectives.allreduce` works out in each
call, are made once. The frames are the same, so it does not matter whether the other ranks remember the call,
too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fmi._datatypes import dtype_of
from fmi.channels.direct.persistent import PersistentCall
from fmi.collectives.context import as_bytes
from fmi.collectives.schedule import Step
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, Call, Envelope, call_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmi._datatypes import Array
    from fmi._ops import Combine
    from fmi.channels.direct.frames import FramedConnections
    from fmi.transport.connection import Connection


class _Part(NamedTuple):
    """One part of the arrays: its elements, its bytes, and the header of a frame with it."""

    elements: slice
    place: slice
    nbytes: int
    header: Envelope


class _Exchange(NamedTuple):
    """A round with its connection, and a buffer for what is combined with this rank's part."""

    connection: Connection
    mine: _Part
    theirs: _Part
    buffer: Array
    into: memoryview


class PersistentHalving(PersistentCall):
    """An allreduce of one kind.

    Args:
        channel: see `PersistentCall`.
        call: one call of this kind; only its number changes.
        steps: of a schedule whose messages are one segment each.
        combine: puts two arrays together.
    """

    def __init__(
        self, channel: FramedConnections, call: Call, steps: Sequence[Step], combine: Combine
    ) -> None:
        super().__init__(channel, call.operation.name.lower())
        self._call = Envelope(call, 0, 0)
        self._combine = combine
        reducing = steps[: len(steps) // 2]  # in each round, what is sent and what is combined
        self._exchanges = [
            _exchange(channel, call, theirs, mine)
            for theirs, mine in zip(reducing[::2], reducing[1::2], strict=True)
        ]
        self.kept = sum(len(each.into) for each in self._exchanges)
        # Each part goes once in each direction, in a frame of its own.
        self.moved = sum(
            2 * (part.nbytes + HEADER_BYTES) for each in self._exchanges for part in (each.mine, each.theirs)
        )

    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:
        """Make the call; both arrays are contiguous, and either the same or apart."""
        assert operand is not None  # noqa: S101 - see `ArrayReductions.Allreduce`
        assert result is not None  # noqa: S101
        channel, combine = self._channel, self._combine
        channel.remember(self._call.head(sequence))
        channel.look_up()
        source, total = operand.reshape(-1), result.reshape(-1)
        outgoing, incoming = as_bytes(source), as_bytes(total)
        for connection, mine, theirs, buffer, into in self._exchanges:
            channel.send_large(connection, theirs.header.head(sequence), outgoing[theirs.place])
            self._fill(connection, mine.header.head(sequence), into)
            combine(buffer, source[mine.elements], total[mine.elements])
            source, outgoing = total, incoming
        if channel.urgent:
            channel.flush()
            self._was_slow = True
        for connection, mine, theirs, _, _ in reversed(self._exchanges):
            channel.send_large(connection, mine.header.head(sequence), incoming[mine.place])
            self._fill(connection, theirs.header.head(sequence), incoming[theirs.place])
        self._finish()

    def _fill(self, connection: Connection, head: bytes, into: memoryview) -> None:
        prefix = head[:CALL_BYTES]
        if self._channel.receive_large(connection, prefix, into) is None:
            self._channel.receive(connection.peer, call_of(prefix), into)
            self._was_slow = True


def _exchange(channel: FramedConnections, call: Call, sent: Step, combined: Step) -> _Exchange:
    dtype = dtype_of(call.dtype)
    buffer: Array = np.empty(combined.hi - combined.lo, dtype)
    mine = _part(call, combined, dtype.itemsize)
    theirs = _part(call, sent, dtype.itemsize)
    return _Exchange(channel.connection(sent.peer), mine, theirs, buffer, as_bytes(buffer))


def _part(call: Call, step: Step, itemsize: int) -> _Part:
    place = slice(step.lo * itemsize, step.hi * itemsize)
    nbytes = place.stop - place.start
    return _Part(slice(step.lo, step.hi), place, nbytes, Envelope(call, 0, nbytes))
