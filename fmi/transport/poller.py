"""All connections of one rank: reads and writes what is ready, and notices peers that are gone."""

from __future__ import annotations

import contextlib
import math
import select
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

# A receiver reads this much from ranks that it does not wait for. A sender reads everything: otherwise two
# could block each other.
INBOX_LIMIT = 64 << 20


class Poller:
    """Moves bytes on connections, and never waits for one of them alone.

    Args:
        mismatches: checks the calls that others are in.
        spin: how long to poll before sleeping.

    Attributes:
        connections: by rank.
        awaited: the connection that is read however much is in its inbox.
        inbox_limit: how many bytes the inbox of another one may hold.
        unsent: connections with something in their send queue.
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
        """Serve a connection from now on."""
        self.connections[connection.peer] = connection
        self._by_descriptor[connection.fd] = connection
        self._poller.register(connection.fd, READ)

    def clear(self) -> None:
        """Serve no connection any more."""
        self.connections.clear()
        self._by_descriptor.clear()

    # Sleeping and waking

    @property
    def due(self) -> float:
        """When `check_liveness` checks next (`time.monotonic()`)."""
        return self._liveness.due

    def check_liveness(self) -> None:
        """Raise PeerFailure if a peer's host has vanished; checks at most once a second."""
        connection = self._liveness.lost(self._by_descriptor.values())
        if connection:
            self.lose(connection, ConnectionLost(f"its host has answered nothing for {SILENCE_S:g} s"))

    def sockets(self) -> dict[int, int]:
        """What to poll for, by descriptor."""
        return {fd: self._events(connection) for fd, connection in self._by_descriptor.items()}

    def poll(self, until: float, spin: bool) -> None:
        """Move what can be moved, or sleep until something can or the time has come.

        Args:
            until: the time.
            spin: poll for a moment before sleeping.
        """
        self.handle((spin and self._poll_spinning()) or self._poller.poll(milliseconds_until(until)))

    def poll_now(self) -> None:
        """Move what can be moved now."""
        self.handle(self._poller.poll(0))

    def _poll_spinning(self) -> list[tuple[int, int]]:
        """What is ready now or within the moment in which polling is cheaper than sleeping."""
        ready = self._poller.poll(0)
        if ready:
            return ready
        for _ in self._spin.turns():
            if ready := self._poller.poll(0):
                break
        return ready

    def handle(self, ready: Iterable[tuple[int, int]]) -> None:
        """Read and write what poll reports. Raises for peers that have failed or are in other calls."""
        for descriptor, events in ready:
            connection = self._by_descriptor.get(descriptor)
            if connection is None:
                continue
            if events & WRITE and self.guarded(connection, connection.queue.flush):
                self.unsent.discard(connection)
                self._update_events(connection)
            if events & ~WRITE:
                self._read(connection)
            self.check(connection)
            self._mismatches.check(connection)

    def _read(self, connection: Connection) -> None:
        self.guarded(connection, connection.read_frames)
        if connection.ended:
            self._unregister(connection)
        elif (
            connection.inbox_bytes > self.inbox_limit
            and connection is not self.awaited
            and not connection.expected
        ):
            self._unread.add(connection)
            self._update_events(connection)

    # One connection

    def push(self, connection: Connection, header: bytes, payload: memoryview | bytes) -> bool:
        """Send a frame as far as possible now; False when some of it is left."""
        try:
            sent = connection.queue.push(header, payload)
        except ConnectionLost as lost:
            self.lose(connection, lost)
        self.note_sending(connection)
        return sent

    def note_sending(self, connection: Connection) -> None:
        """Have a connection's send queue sent when there is room."""
        if connection.queue.sending:
            self.unsent.add(connection)
            self._update_events(connection)
        elif self.unsent and connection in self.unsent:
            self.unsent.discard(connection)
            self._update_events(connection)

    def guarded(self, connection: Connection, action: Callable[[], bool | None]) -> bool:
        """Do something on a connection; raise its loss as the peer's failure."""
        try:
            return bool(action())
        except ConnectionLost as lost:
            self.lose(connection, lost)

    def lose(self, connection: Connection, lost: ConnectionLost) -> NoReturn:
        """Raise what the loss of a connection means: the peer's abort, its end, or its failure."""
        self._unregister(connection)
        with contextlib.suppress(ConnectionLost):
            connection.read_frames(math.inf)  # an abort may have come in just before the connection broke
        self.check(connection)
        reason = "it closed its communicator" if connection.left else str(lost)
        raise PeerFailure(connection.peer, reason) from lost

    def check(self, connection: Connection) -> None:
        """Raise the peer's abort, if it has sent one."""
        if connection.abort:
            _raise(connection.abort)

    def read_on(self, connection: Connection) -> None:
        """Read from this connection again, however much is in its inbox."""
        if connection in self._unread:
            self._unread.discard(connection)
            self._update_events(connection)

    def resume_reading(self) -> None:
        """Read again from connections whose inbox is below the limit."""
        for connection in [
            connection for connection in self._unread if connection.inbox_bytes <= self.inbox_limit
        ]:
            self.read_on(connection)

    def _update_events(self, connection: Connection) -> None:
        """Tell poll what this connection waits for now."""
        if connection.fd in self._by_descriptor:
            self._poller.modify(connection.fd, self._events(connection))

    def _events(self, connection: Connection) -> int:
        return (WRITE if connection.queue.sending else 0) | (0 if connection in self._unread else READ)

    def _unregister(self, connection: Connection) -> None:
        if self._by_descriptor.pop(connection.fd, None):
            self._poller.unregister(connection.fd)


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
