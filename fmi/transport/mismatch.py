"""Notices that two ranks are in different calls: every error that names the calls of two ranks."""

from __future__ import annotations

from collections import deque

from fmi.errors import MismatchError
from fmi.protocol.frames import NO_CALL, Call, Operation, call_of
from fmi.transport.connection import Connection

# How many of its last collective calls a rank can name when another one was in a different one.
REMEMBERED_CALLS = 16


class MismatchDetector:
    """Compares the collective calls of one rank with those that others are in.

    Args:
        rank: this rank.

    Attributes:
        heads: the first bytes of the frames of the last calls (see `fmi.protocol.frames`), the current one's
            last. They are parsed only for an error.
    """

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self.heads: deque[bytes] = deque([NO_CALL.prefix], REMEMBERED_CALLS)

    def enter(self, call: Call) -> None:
        """Remember the collective call that this rank is in."""
        if call.operation is not Operation.SEND and call.prefix != self.heads[-1]:
            self.heads.append(call.prefix)

    def check(self, connection: Connection) -> None:
        """Raise MismatchError if a peer, whichever this rank waits for, is in another call than this rank.

        Otherwise two ranks that name different roots would both wait for a third one.
        """
        if not connection.inbox and not connection.waiting:
            return
        mine = self._current()
        if connection.inbox:
            theirs = connection.inbox[0].header.call
            agreed = theirs.operation is Operation.SEND or theirs == mine or theirs.is_after(mine)
            if not agreed:
                raise self.mismatch(mine, connection.peer, theirs)
        if connection.waiting and connection.waiting.call.operation is not Operation.SEND:
            theirs = connection.waiting.call
            if theirs.sequence == mine.sequence and theirs != mine:
                raise self._deadlock(mine, connection.peer, theirs)

    def check_deadlock(self, connection: Connection, call: Call) -> None:
        """Raise MismatchError if the peer that this rank waits for in `call` waits for this rank itself."""
        if connection.waiting and not connection.midway and connection.waiting.received == connection.sent:
            raise self._deadlock(call, connection.peer, connection.waiting.call)

    def mismatch(self, mine: Call, peer: int, theirs: Call) -> MismatchError:
        """The error for a frame of another call than the one this rank is in."""
        if theirs.operation is not Operation.SEND and theirs.sequence != mine.sequence:
            for earlier in map(call_of, self.heads):
                if earlier.sequence == theirs.sequence:
                    return MismatchError(
                        f"rank {self._rank} was in {earlier}, but rank {peer} sent it {theirs}"
                    )
        return MismatchError(f"rank {self._rank} is in {mine}, but rank {peer} sent it {theirs}")

    def _current(self) -> Call:
        return call_of(self.heads[-1])

    def _deadlock(self, mine: Call, peer: int, theirs: Call) -> MismatchError:
        return MismatchError(f"rank {self._rank} is in {mine}, but rank {peer} waits for it in {theirs}")
