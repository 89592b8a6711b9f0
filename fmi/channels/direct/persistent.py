"""Persistent calls: whatever does not change between calls of one kind is made once.

A kind is an operation with a function, element type and shape. Where each message is one frame, what is kept
is the frame that goes out and the one that comes in as buffers, arrays over their payloads, and the
connections of every step. To make such a call is then: put its number into the header, copy the payload, one
system call for each message, and one comparison of what came with what should come. Whatever is not as
expected is left to the channel, which finds out what it means. The frames are those of the ordinary call.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import numpy as np

from fmi._datatypes import Array, Form, dtype_of
from fmi._ops import Combine
from fmi.collectives.schedule import Act, Step
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, LENGTH_AT, Call, Envelope, call_of
from fmi.transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmi.channels.direct.frames import FramedConnections


class PersistentCall(abc.ABC):
    """One kind of call (operation, function, element type, shape) on one rank.

    Attributes:
        name: of the operation.
        moved: bytes sent and received in each call.
        kept: bytes of the buffers.

    Args:
        channel: the connections; this rank is connected with every peer of the call.
        name: see above.
    """

    def __init__(self, channel: FramedConnections, name: str) -> None:
        self._channel = channel
        self._was_slow = False
        self.name = name
        self.moved = 0
        self.kept = 0

    @abc.abstractmethod
    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:
        """Make the call. Raises what the operation raises.

        Args:
            sequence: the call's number.
            operand: what this rank passes; None where it passes nothing.
            result: is filled with what it gets; None where it gets nothing.
        """

    def _finish(self) -> None:
        """End the call."""
        channel = self._channel
        if channel.urgent:
            channel.flush()
            self._was_slow = True
        if self._was_slow:  # others may have begun to pair with this rank meanwhile
            self._was_slow = False
            channel.rest()


class OneFrame(PersistentCall):
    """A call whose messages are one frame each: two frames as buffers, and arrays over their payloads.

    Args:
        channel: the connections.
        call: one call of this kind; only its number changes.
        form: of the frames.
        shape: of the arrays that are passed; None where nothing is.
    """

    def __init__(
        self, channel: FramedConnections, call: Call, form: int, shape: tuple[int, ...] | None
    ) -> None:
        super().__init__(channel, call.operation.name.lower())
        self._dtype = np.dtype(np.uint8) if shape is None else dtype_of(call.dtype)
        self._shape = (0,) if shape is None else shape
        length = 0 if shape is None else call.elements * self._dtype.itemsize
        self._head = Envelope(call, form, length).head
        self._out = bytearray(HEADER_BYTES + length)
        self._in = bytearray(HEADER_BYTES + length)
        self.kept = len(self._out) + len(self._in)
        self._held = self._payload(self._out)
        self._received = self._payload(self._in)

    def _payload(self, frame: bytearray) -> Array:
        count = (len(frame) - HEADER_BYTES) // self._dtype.itemsize
        if not count:
            return np.empty(self._shape, self._dtype)
        return np.frombuffer(frame, self._dtype, count, HEADER_BYTES).reshape(self._shape)

    def _receive(self, connection: Connection, head: bytes, start: bytes, length: bytes) -> None:
        """Fill the incoming frame, however long that takes, or raise why it does not come."""
        channel = self._channel
        if not channel.receive_frame(connection, self._in, start, length):
            into = memoryview(self._in)[HEADER_BYTES:]
            channel.receive(connection.peer, call_of(head), into)
            channel.bytes_received -= len(self._in)  # `_count` counts it with the others of the call
            self._was_slow = True

    def _count(self, sent: int, received: int) -> None:
        self._channel.bytes_sent += sent
        self._channel.bytes_received += received


class PersistentSteps(OneFrame):
    """A collective call of one kind.

    Args:
        channel, call, shape: see `OneFrame`.
        steps: this rank's schedule.
        combine: puts two payloads together; None where there are none.
    """

    def __init__(
        self,
        channel: FramedConnections,
        call: Call,
        shape: tuple[int, ...] | None,
        steps: Sequence[Step],
        combine: Combine | None,
    ) -> None:
        super().__init__(channel, call, 0, shape)
        self._steps = [(act, channel.connection(peer)) for act, peer, _, _ in steps]
        self._combine = combine
        # A message that is taken last is not passed on, and need not be copied to where it would be sent
        # from.
        self._taken = steps[-1].act is Act.TAKE if steps else False
        self._sends = sum(step.act is Act.SEND for step in steps) * len(self._out)
        self._receives = len(steps) * len(self._out) - self._sends
        self.moved = self._sends + self._receives

    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:
        """Make the call."""
        channel, out, held, received = self._channel, self._out, self._held, self._received
        combine, head = self._combine, self._head(sequence)
        out[:HEADER_BYTES] = head
        if operand is not None:
            held[...] = operand
        channel.remember(head)
        channel.look_up()
        for act, connection in self._steps:
            if act is Act.SEND:
                channel.send_frame(connection, out)
                continue
            self._receive(connection, head, head, b"")
            if combine is None:
                continue
            if act is Act.BEFORE:
                combine(held, received, held)
            elif act is Act.AFTER:
                combine(received, held, held)
            elif not self._taken:
                held[...] = received
        if result is not None:
            result[...] = received if self._taken else held
        self._count(self._sends, self._receives)
        self._finish()


class PersistentSend(OneFrame):
    """A message of one kind to one peer."""

    def __init__(self, channel: FramedConnections, call: Call, shape: tuple[int, ...], peer: int) -> None:
        super().__init__(channel, call, Form.ARRAY, shape)
        self.name = "send"
        self._connection = channel.connection(peer)
        self.moved = len(self._out)

    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:  # noqa: ARG002
        """Send."""
        self._out[:HEADER_BYTES] = self._head(sequence)
        self._held[...] = operand
        self._channel.look_up()
        self._channel.send_frame(self._connection, self._out)
        self._count(self.moved, 0)
        self._finish()


class PersistentReceive(OneFrame):
    """A message of one kind from one peer, whose sender chooses the form."""

    def __init__(self, channel: FramedConnections, call: Call, shape: tuple[int, ...], peer: int) -> None:
        super().__init__(channel, call, 0, shape)
        self.name = "recv"
        self._connection = channel.connection(peer)
        self._length = self._head(0)[LENGTH_AT:]
        self.moved = len(self._in)

    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:  # noqa: ARG002
        """Fill the result."""
        head = self._head(sequence)
        self._receive(self._connection, head, head[:CALL_BYTES], self._length)
        assert result is not None  # noqa: S101 - there is somewhere to receive to
        result[...] = self._received
        self._count(0, self.moved)
        self._finish()
