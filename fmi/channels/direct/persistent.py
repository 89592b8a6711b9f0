"""Persistent calls: of a call that was made before only the number and the data differ.

What does not change is made once: the schedule as the message core reads it, the connections, and an array
that is sent from and received into. To make such a call is then to copy the data and to call the core. Where
that stops, because something is not as expected, the channel goes on with the next step; the messages are
those of the ordinary call. Without a core no call is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fmi._datatypes import Array, dtype_of
from fmi._ops import Combine, builtin_kind
from fmi.collectives.context import as_bytes
from fmi.protocol.frames import HEADER_BYTES, Call, NumberedHeader, Operation, call_of
from fmi.transport.core import AFTER, NO_CODE, SEND, TAKE, Outcome, Program, combine_code

if TYPE_CHECKING:
    from fmi.channels.direct.channel import DirectChannel
    from fmi.transport.connection import Connection


class Part(NamedTuple):
    """One message of a call.

    Attributes:
        act: SEND, TAKE, AFTER or BEFORE; see `fmi.transport.core`.
        connection: the peer's.
        lo, hi: the elements.
    """

    act: int
    connection: Connection
    lo: int
    hi: int


class PersistentCall:
    """One kind of call (operation, function, element type, shape) on one rank.

    Args:
        channel: has a core, and a connection to every peer of the call.
        call: one call of this kind; only its number changes.
        shape: of the arrays that are passed; None where nothing is.
        steps: this rank's: act, peer, and first and last element.
        combine: puts two arrays together; None where nothing is combined.
        form: of the messages.
        name: for statistics, if it is not the operation's.

    Attributes:
        name: of the operation.
        moved: bytes sent and received in each call.
        kept: bytes of the array and of the room for messages that are combined.
    """

    def __init__(
        self,
        channel: DirectChannel,
        call: Call,
        shape: tuple[int, ...] | None,
        steps: Sequence[tuple[int, int, int, int]],
        *,
        combine: Combine | None = None,
        form: int = 0,
        name: str = "",
    ) -> None:
        dtype = np.dtype(np.uint8) if shape is None else dtype_of(call.dtype)
        self._channel = channel
        assert channel.core is not None  # noqa: S101 - without one no call is remembered
        self._core = channel.core
        self._sends_only = [act for act, *_ in steps] == [SEND]
        self._header = NumberedHeader(call, form, call.elements * dtype.itemsize if self._sends_only else 0)
        self._is_collective = call.operation is not Operation.SEND
        self._form = form
        self._combine = combine
        self._shaped: Array = np.empty((0,) if shape is None else shape, dtype)
        self._held = self._shaped.reshape(-1)
        self._bytes = as_bytes(self._held)
        self._received = np.empty_like(self._held)
        self._parts = [Part(act, channel.connection(peer), lo, hi) for act, peer, lo, hi in steps]
        self._ends = list(dict.fromkeys(part.connection for part in self._parts))
        self._code = _code(combine, dtype)
        self._messages = [(each, *self._number_of_messages(each)) for each in self._ends]
        sizes = [(each.hi - each.lo) * dtype.itemsize for each in self._parts]
        self._sent = sum(
            HEADER_BYTES + size for part, size in zip(self._parts, sizes, strict=True) if part.act == SEND
        )
        self.moved = sum(sizes) + HEADER_BYTES * len(sizes)
        self.kept = 2 * self._held.nbytes
        self.name = name or call.operation.name.lower()
        if self._code is not None:
            messages = [
                (each.act, each.connection.fd, each.lo * dtype.itemsize, each.hi * dtype.itemsize)
                for each in self._parts
            ]
            self._program = Program(messages, as_bytes(self._held), as_bytes(self._received), self._code)

    def _number_of_messages(self, connection: Connection) -> tuple[int, int]:
        """How many are sent over a connection, and received."""
        acts = [part.act for part in self._parts if part.connection is connection]
        sent = acts.count(SEND)
        return sent, len(acts) - sent

    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:
        """Make the call. Raises what the operation raises.

        Args:
            sequence: the call's number.
            operand: what this rank passes; None where it passes nothing.
            result: is filled with what it gets; None where it gets nothing.
        """
        if operand is not None:
            self._shaped[...] = operand
        header = self._header.numbered(sequence)
        if self._sends_only:
            self._send(header)
            return
        self._channel.begin(header if self._is_collective else None)
        if self._code is None or not self._channel.may_run_alone(self._ends):
            self._go_on(call_of(header), 0)
        elif self._core.run(self._program, header) == Outcome.DONE:
            self._count_all()
        else:
            self._hand_back(call_of(header))
        if result is not None:
            result[...] = self._shaped

    def _send(self, header: bytes) -> None:
        """Make a call that is one message to one rank; that takes no core."""
        self._channel.begin(None)
        self._channel.send_frame(self._ends[0], header, self._bytes)
        self._channel.flush()
        self._channel.rest()

    def _count_all(self) -> None:
        """Count the messages of all parts."""
        for connection, sent, received in self._messages:
            connection.sent += sent
            connection.received += received
        self._channel.bytes_sent += self._sent
        self._channel.bytes_received += self.moved - self._sent

    def _count(self, done: int) -> None:
        """Count the messages of the first parts."""
        channel = self._channel
        for act, connection, lo, hi in self._parts[:done]:
            size = HEADER_BYTES + (hi - lo) * self._held.itemsize
            if act == SEND:
                connection.sent += 1
                channel.bytes_sent += size
            else:
                connection.received += 1
                channel.bytes_received += size

    def _hand_back(self, call: Call) -> None:
        """Go on in Python where the core has stopped."""
        done = self._core.step
        self._count(done)
        act, connection, lo, hi = self._parts[done]
        if act == SEND:
            self._channel.send_rest(connection, call, as_bytes(self._held[lo:hi]), self._form)
            done += 1
        else:
            into = self._held[lo:hi] if act == TAKE else self._received[: hi - lo]
            self._channel.keep(connection, call, as_bytes(into))
        self._go_on(call, done)

    def _go_on(self, call: Call, done: int) -> None:
        """Carry out the other parts."""
        channel, combine = self._channel, self._combine
        for act, connection, lo, hi in self._parts[done:]:
            mine, received = self._held[lo:hi], self._received[: hi - lo]
            if act == SEND:
                channel.post(connection.peer, call, as_bytes(mine), self._form)
                continue
            if act == TAKE:
                channel.flush()
                channel.receive(connection.peer, call, as_bytes(mine))
                continue
            channel.receive(connection.peer, call, as_bytes(received))
            channel.flush()
            if combine is not None:
                left, right = (received, mine) if act == AFTER else (mine, received)
                combine(left, right, mine)
        channel.flush()
        channel.rest()


def _code(combine: Combine | None, dtype: np.dtype[np.generic]) -> tuple[int, int] | None:
    """How the core combines; None where it cannot."""
    if combine is None:
        return NO_CODE
    operation = builtin_kind(combine)
    return None if operation is None else combine_code(operation, dtype)


def persistent_steps(
    channel: DirectChannel,
    call: Call,
    shape: tuple[int, ...] | None,
    steps: Sequence[tuple[int, int, int, int]],
    combine: Combine | None,
) -> PersistentCall:
    """A collective call of one kind."""
    return PersistentCall(channel, call, shape, steps, combine=combine)


def persistent_send(
    channel: DirectChannel, call: Call, shape: tuple[int, ...], peer: int, form: int
) -> PersistentCall:
    """A message of one kind to one peer."""
    return PersistentCall(channel, call, shape, [(SEND, peer, 0, call.elements)], form=form, name="send")


def persistent_receive(
    channel: DirectChannel, call: Call, shape: tuple[int, ...], peer: int
) -> PersistentCall:
    """A message of one kind from one peer, whose sender chooses the form."""
    return PersistentCall(channel, call, shape, [(TAKE, peer, 0, call.elements)], name="recv")
