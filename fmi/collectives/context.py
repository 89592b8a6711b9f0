"""Carries out schedules: what a collective call sends and receives with, and the loop over its steps.

Large arrays come in segments. One that was just received is still in its core's cache when it is combined or
passed on, and the channel knows beforehand where the next one belongs, so nothing is copied twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives.schedule import SLOTS, Act, Move, Schedule
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


class Messenger(Protocol):
    """What `carry_out` sends with; whoever runs it receives."""

    def send(self, peer: int, array: Array) -> None:
        """Start sending; the array must not change until a flush."""

    def prepare(self, peer: int, array: Array) -> None:
        """The next message from this peer will fill this array; it may be written there before."""


@dataclass(slots=True)
class Memory:
    """The arrays that a schedule works on.

    Attributes:
        buffer: flat; what the schedule's ranges are in. None where the rank keeps no result.
        operand: flat; what this rank passes, if that is not in the buffer. May be the buffer itself.
        operand_at: where in the schedule's ranges the operand begins. At 0 it lies beneath the buffer, and
            shows where no step has written.
        combine: puts two arrays together; None where nothing is combined.
    """

    buffer: Array | None
    operand: Array | None = None
    operand_at: int = 0
    combine: Combine | None = None


# Looked up once: of an enumeration that takes as long as a step.
_SEND, _TAKE, _AFTER, _BEFORE, _JOIN = Act

# Whom to receive from, and into what; None: wait until what was sent may change.
Need = tuple[int, Array] | None


def run_schedule(context: Context, schedule: Schedule, memory: Memory) -> None:
    """Carry out a schedule; returns when the arrays hold the result and may change."""
    for need in carry_out(context, schedule, memory):
        if need is None:
            context.flush()
        else:
            context.receive(*need)


def carry_out(messenger: Messenger, schedule: Schedule, memory: Memory) -> Iterator[Need]:
    """Carry out a schedule; yields whatever it has to wait for, and goes on once that is done."""
    arrays = _Arrays(schedule, memory)
    for move in schedule.moves(arrays.apart):
        act, peer, _, _ = move.step
        combines = act is _AFTER or act is _BEFORE
        if move.flush and not combines:
            yield None
        for later in move.ahead:
            messenger.prepare(later.step.peer, arrays.into(later))
        if act is _SEND:
            if arrays.passes_on and not move.fresh:
                yield None  # the last segment's buffer is the next one's but one
            messenger.send(peer, arrays.mine(move))
            continue
        if act is not _JOIN:
            yield peer, arrays.into(move)
        if combines and move.flush:
            yield None
        if act is not _TAKE:
            arrays.combine(move)
    yield None
    arrays.give_back()


class _Arrays:
    """Where the ranges of a schedule are.

    Without a buffer, what is combined stays where it was received, and is sent from there, if the schedule
    has no other use for it.
    """

    def __init__(self, schedule: Schedule, memory: Memory) -> None:
        buffer, operand = memory.buffer, memory.operand
        self.passes_on = buffer is None and schedule.passes_on
        self.apart = operand is not None and operand is not buffer
        if buffer is None:
            assert operand is not None  # noqa: S101 - else there is nothing to work on
            buffer = np.empty_like(operand) if schedule.writes and not self.passes_on else operand
        self._buffer = buffer
        self._operand = operand
        self._at = memory.operand_at
        self._combine = memory.combine
        nbytes = schedule.largest_combined * buffer.itemsize
        pooled = SMALLEST_SPARE <= nbytes <= LARGEST_SPARE and not buffer.dtype.hasobject
        self._taken = [_take(nbytes) for _ in range(schedule.slots)] if pooled else []
        self._slots = [taken[:nbytes].view(buffer.dtype) for taken in self._taken] or [
            np.empty(schedule.largest_combined, buffer.dtype) for _ in range(schedule.slots)
        ]
        self._combined = buffer

    def give_back(self) -> None:
        """Let other calls have the memory; nothing is sent from there or received any more."""
        _spare.extend(self._taken)
        del _spare[:-MOST_SPARE]

    def mine(self, move: Move) -> Array:
        """What this rank has in the range."""
        _, _, lo, hi = move.step
        if move.fresh and self._operand is not None:
            return self._operand[lo - self._at : hi - self._at]
        return self._combined if self.passes_on else self._buffer[lo:hi]

    def into(self, move: Move) -> Array:
        """Where the message belongs."""
        act, _, lo, hi = move.step
        return self._buffer[lo:hi] if act is _TAKE else self._slots[move.slot][: hi - lo]

    def combine(self, move: Move) -> None:
        """Combine the message, or what lies elsewhere, with what this rank has."""
        act, start, lo, hi = move.step
        other = self._buffer[start : start + hi - lo] if act is _JOIN else self.into(move)
        mine = self.mine(move)
        out = self._combined = other if self.passes_on else self._buffer[lo:hi]
        assert self._combine is not None  # noqa: S101 - the schedule combines
        if act is _BEFORE:
            self._combine(mine, other, out)
        else:
            self._combine(other, mine, out)


# Memory for segments that no call uses at the moment. Fresh memory costs more than what is done with it.
_spare: list[Array] = []
MOST_SPARE = 2 * SLOTS
SMALLEST_SPARE = 64 * 1024
LARGEST_SPARE = 4 << 20


def _take(nbytes: int) -> Array:
    """Spare bytes, if there are so many together, else new ones."""
    try:
        spare = _spare.pop()
    except IndexError:
        spare = np.empty(0, np.uint8)
    return spare if spare.size >= nbytes else np.empty(nbytes, np.uint8)


def as_bytes(array: Array) -> memoryview:
    """The memory of a contiguous array, without a copy."""
    return memoryview(array.view(np.uint8))  # type: ignore[arg-type]


def equal_blocks(whole: Array, size: int) -> list[Array]:
    """A flat array cut into one equal block for each rank."""
    count = whole.size // size
    return [whole[rank * count : (rank + 1) * count] for rank in range(size)]
