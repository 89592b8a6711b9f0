"""The peers of a rank: connected when they are first needed, served in every wait, left in order."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable, Iterable

from fmi._tasks import Wait, poll
from fmi.config import Config
from fmi.errors import FMIError, Timeout, name_ranks
from fmi.protocol.frames import NO_CALL, Abort, Header, Kind
from fmi.rendezvous.client import leave_notes
from fmi.rendezvous.connector import Connector
from fmi.rendezvous.handshake import derive
from fmi.transport.connection import Connection
from fmi.transport.mismatch import MismatchDetector
from fmi.transport.poller import Poller
from fmi.transport.shutdown import drain_and_close
from fmi.transport.spin import Spin

SHUTDOWN_S = 30.0
ABORT_SHUTDOWN_S = 1.0
# A rank that is pairing with this one at the moment of an abort would not read a note for seconds.
ABORT_PAIRING_S = 0.2
# A rank that has waited this long tells the rank that it waits for, and lets others pair with it meanwhile.
LISTEN_AFTER_S = 0.1
LATE_PAIRING_S = 1.0
# A wait is interrupted this often to check other channels, if there are any.
CHECK_OTHERS_S = 1.0


class Peers:
    """The connections of one rank, and those that are being made.

    One thread at a time does everything: while it waits for one peer it receives what others send and notices
    when they die.

    Args:
        rank, world_size, comm_name, config: this rank and its world.
        sharing: how many ranks are known to share a core.
        on_connected: is called with a peer and its socket, and adds a connection to the poller.

    Attributes:
        mismatches, poller: of these connections.
        connections: by rank.
        on_idle: see `fmi.channels.base.Channel`.
        after_wait: is called at the end of every wait, if it is set.
        closed: nothing is connected any more.
    """

    def __init__(
        self,
        rank: int,
        world_size: int,
        comm_name: str,
        config: Config,
        *,
        sharing: float,
        on_connected: Callable[[int, socket.socket], None],
    ) -> None:
        self._rank = rank
        self._world_size = world_size
        self._comm_name = comm_name
        self._config = config
        self._connector = Connector(
            rank, world_size, comm_name, config, unconnected=self._unconnected, on_paired=on_connected
        )
        self._check_others_at = 0.0
        self.mismatches = MismatchDetector(rank)
        self.poller = Poller(self.mismatches, Spin(sharing))
        self.connections = self.poller.connections
        self.on_idle: Callable[[Iterable[int]], None] | None = None
        self.after_wait: Callable[[], None] | None = None
        self.closed = False

    # Connecting

    def connect(self, wanted: set[int], deadline: float = math.inf) -> float:
        """Pair with peers, side by side, until the deadline; return how long that took, in seconds.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
        """
        started = time.monotonic()
        until = started + self._config.peer_s
        self._connector.connect(wanted)
        while missing := wanted - self.connections.keys():
            if time.monotonic() >= until:
                limit = f"{self._config.peer_s:g} s"
                why = self._connector.describe_failures(missing)
                raise Timeout(
                    f"rank {self._rank} waited {limit} for {name_ranks(missing)} to connect{why}", missing
                )
            if time.monotonic() >= deadline:
                break
            self.wait(min(until, deadline))
        return time.monotonic() - started

    def begin_to_connect(self, peer: int) -> None:
        """Have the waits of this rank pair with a peer."""
        self._connector.connect([peer])

    @property
    def pairing(self) -> bool:
        """Whether a pairing or a wait for one is under way."""
        return not self._connector.idle

    @property
    def has_more_to_do(self) -> bool:
        """Whether a wait does something else than to move messages."""
        return self.pairing or self.on_idle is not None or self.after_wait is not None

    @property
    def pending(self) -> set[int]:
        """Peers that pairing is under way with."""
        return self._connector.pending

    def rest(self) -> None:
        """Finish pairing with ranks that notified this one: they are waiting for it at this moment."""
        self._connector.stop_listening()
        until = time.monotonic() + LATE_PAIRING_S
        while self._connector.pending and time.monotonic() < until:
            self.wait(until)
        self._connector.close()

    def _unconnected(self) -> set[int]:
        return set(range(self._world_size)) - self.connections.keys() - {self._rank}

    # Waiting

    def wait(self, until: float, spin: bool = True) -> None:
        """Move everything on that can be moved, or sleep until something can or the time has come.

        Args:
            until: the time.
            spin: look for a moment before sleeping.
        """
        self._wait(until, spin)
        if self.after_wait is not None:
            self.after_wait()

    def _wait(self, until: float, spin: bool) -> None:
        self.poller.check_liveness()
        until = min(until, self.poller.due)
        if self.on_idle is not None:
            until = self._check_other_channels(until, self.on_idle)
        if self._connector.idle:
            self.poller.poll(until, spin)
            return
        wait = self._connector.wait(until)
        connections = self.poller.sockets()
        ready = poll(Wait({**wait.sockets, **connections}, wait.until))
        self.poller.handle([(fd, ready[fd]) for fd in connections if fd in ready])
        self._connector.advance(ready)

    def waiting(self) -> Wait:
        """What `wait` would wait for."""
        connections, due = self.poller.sockets(), self.poller.due
        if self._connector.idle:
            return Wait(connections, due)
        wait = self._connector.wait(due)
        return Wait({**wait.sockets, **connections}, wait.until)

    def listen(self) -> None:
        """Let other ranks pair with this one in its waits."""
        self._connector.listen()

    def listen_in_time(self, started: float, until: float) -> float:
        """Listen for ranks that want to pair once a wait has lasted; return how long to wait for now."""
        if time.monotonic() < started + LISTEN_AFTER_S:
            return min(until, started + LISTEN_AFTER_S)
        self._connector.listen()
        return until

    def _check_other_channels(self, until: float, on_idle: Callable[[Iterable[int]], None]) -> float:
        """Check other channels if it is time to (`Channel.on_idle`); return how long to wait for now."""
        now = time.monotonic()
        if now >= self._check_others_at:
            self._check_others_at = now + CHECK_OTHERS_S
            awaited = self.poller.awaited
            on_idle({awaited.peer} if awaited else self._connector.pending)
        return min(until, self._check_others_at)

    # Leaving

    def abort(self, abort: Abort) -> None:
        """Send an abort to connected peers, and leave notes for those that wait, or will wait, to pair."""
        if self.closed:
            return
        self._connector.stop_listening()
        until = time.monotonic() + ABORT_PAIRING_S
        while self._connector.pending and time.monotonic() < until:
            with contextlib.suppress(FMIError):  # it says what this rank knows: that the world has failed
                self.wait(until)
        unconnected = self._unconnected()
        self._close(Kind.ABORT, abort.pack(), ABORT_SHUTDOWN_S)
        secret, name = self._config.secret, self._comm_name
        pairs = [derive(secret, name, self._rank, peer, self._world_size) for peer in unconnected]
        leave_notes(self._connector.rendezvous, pairs, abort)

    def close(self) -> None:
        """Let what was sent arrive, tell the peers and close the connections."""
        if not self.closed:
            self._close(Kind.BYE, b"", SHUTDOWN_S)

    def _close(self, kind: Kind, payload: bytes, limit_s: float) -> None:
        self.closed = True
        self._connector.close()
        connections: list[Connection] = list(self.connections.values())
        drain_and_close(connections, Header(kind, NO_CALL, 0, len(payload)), payload, limit_s)
        self.poller.clear()
