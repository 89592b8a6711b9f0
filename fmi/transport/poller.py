"""All connections of one rank: what is ready is read and written, and whoever is gone is noticed."""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

from fmi._tasks import READ, WRITE, milliseconds_until
from fmi.errors import MismatchError, PeerFailure
from fmi.protocol.frames import Abort
from fmi.transport.connection import Connection
from fmi.transport.liveness import SILENCE_S, Liveness
from fmi.transport.mismatch import MismatchDetector
from fmi.transport.send_queue import ConnectionLost
from fmi.transport.spin import Spin

# A receiver takes in this much from ranks it is not waiting for; a sender takes in all, or two could block
# each other.
INBOX_LIMIT = 64 << 20


class Poller:
    """Moves bytes on connections, without ever waiting for one of them alone.

    Args:
        agreement: what to hold against the calls that others are in.
        spin: how long to look before sleeping.

    Attributes:
        connections: by rank.
        awaited: the connection that is read however much there is that nobody has asked for.
        inbox_limit: how much others may send beforehand.
        unsent: connections that have something in their send queue.
    """

    def __init__(self, mismatches: MismatchDetector, spin: Spin) -> None:
        self.connections: dict[int, Connection] = {}
        self.awaited: Connection | None = None
        self.inbox_limit: float = INBOX_LIMIT
        self.unsent: set[Connection] = set()
        self._mismatches = mismatches
        self._spin = spin
        self._liveness = Liveness()
        self._by_descriptor: dict[int, Connection] = {}
        self._poller = select.poll()
        self._unread: set[Connection] = set()

    def add(self, connection: Connection) -> None:
        """Look after a connection from now on."""
        self.connections[connection.peer] = connection
        self._by_descriptor[connection.fileno()] = connection
        self._poller.register(connection.fileno(), READ)

    def clear(self) -> None:
        """Look after nothing any more."""
        self.connections.clear()
        self._by_descriptor.clear()

    # Sleeping and waking

    @property
    def due(self) -> float:
        """When the peers' hosts are looked after next."""
        return self._liveness.due

    def check_liveness(self) -> None:
        """Raise PeerFailure if a peer's host has vanished without a word."""
        connection = self._liveness.lost(self._by_descriptor.values())
        if connection:
            self.lose(connection, ConnectionLost(f"its host has answered nothing for {SILENCE_S:g} s"))

    def sockets(self) -> dict[int, int]:
        """What to poll for, by descriptor."""
        return {fd: self._events(connection) for fd, connection in self._by_descriptor.items()}

    def turn(self, until: float, look: bool) -> None:
        """Move what can be moved, or sleep until something can or the time has come.

        Args:
            until: the time.
            look: look for a moment before sleeping.
        """
        self.handle((look and self._look()) or self._sleep(until))

    def turn_at_once(self) -> None:
        """Move what can be moved now."""
        self.handle(self._poller.poll(0))

    def _look(self) -> list[tuple[int, int]]:
        """What is ready now or within the moment in which looking is cheaper than sleeping."""
        ready = self._poller.poll(0)
        if ready:
            return ready
        for _ in self._spin.turns():
            if ready := self._poller.poll(0):
                self._spin.found()
                break
        return ready

    def _sleep(self, until: float) -> list[tuple[int, int]]:
        began = time.monotonic()
        ready = self._poller.poll(milliseconds_until(until))
        if ready:
            self._spin.slept(time.monotonic() - began)
        return ready

    def handle(self, ready: Iterable[tuple[int, int]]) -> None:
        """Do what poll says can be done. Raises what the peers' failures and calls give reason for."""
        for descriptor, events in ready:
            connection = self._by_descriptor.get(descriptor)
            if connection is None:
                continue
            if events & WRITE and self.guarded(connection, connection.flush):
                self.unsent.discard(connection)
                self._watch(connection)
            if events & ~WRITE:
                self._read(connection)
            self.check(connection)
            self._mismatches.check(connection)

    def _read(self, connection: Connection) -> None:
        self.guarded(connection, connection.read_frames)
        if connection.ended:
            self._forget(connection)
        elif (
            connection.inbox_bytes > self.inbox_limit
            and connection is not self.awaited
            and not connection.expected
        ):
            self._unread.add(connection)
            self._watch(connection)

    # One connection

    def push(self, connection: Connection, header: bytes, payload: memoryview | bytes) -> bool:
        """Send a frame as far as possible now; False when some of it is left."""
        try:
            sent = connection.push(header, payload)
        except ConnectionLost as lost:
            self.lose(connection, lost)
        self.note_sending(connection)
        return sent

    def note_sending(self, connection: Connection) -> None:
        """See that what is in a connection's send queue is sent when there is room."""
        if connection.sending:
            self.unsent.add(connection)
            self._watch(connection)
        elif self.unsent and connection in self.unsent:
            self.unsent.discard(connection)
            self._watch(connection)

    def guarded(self, connection: Connection, action: Callable[[], bool | None]) -> bool:
        """Do something on a connection; a lost connection becomes the peer's failure."""
        try:
            return bool(action())
        except ConnectionLost as lost:
            self.lose(connection, lost)

    def lose(self, connection: Connection, lost: ConnectionLost) -> NoReturn:
        """Raise what the loss of a connection means."""
        self._forget(connection)
        with contextlib.suppress(ConnectionLost):
            connection.read_frames(math.inf)  # an abort may have come in just before the connection broke
        self.check(connection)
        reason = "it closed its communicator" if connection.left else str(lost)
        raise PeerFailure(connection.peer, reason) from lost

    def check(self, connection: Connection) -> None:
        """Raise what the peer gave up for, if it did."""
        if connection.abort:
            _raise(connection.abort)

    def read_on(self, connection: Connection) -> None:
        """Read from this connection however much it has that nobody has asked for."""
        if connection in self._unread:
            self._unread.discard(connection)
            self._watch(connection)

    def resume_reading(self) -> None:
        """Read on from connections of which enough was taken."""
        for connection in [
            connection for connection in self._unread if connection.inbox_bytes <= self.inbox_limit
        ]:
            self.read_on(connection)

    def _watch(self, connection: Connection) -> None:
        """Have poll report what this connection waits for now."""
        if connection.fileno() in self._by_descriptor:
            self._poller.modify(connection.fileno(), self._events(connection))

    def _events(self, connection: Connection) -> int:
        return (WRITE if connection.sending else 0) | (0 if connection in self._unread else READ)

    def _forget(self, connection: Connection) -> None:
        if self._by_descriptor.pop(connection.fileno(), None):
            self._poller.unregister(connection.fileno())


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
