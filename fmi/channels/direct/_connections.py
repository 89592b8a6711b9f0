"""The connections of a rank: made when they are first needed, served in every wait, closed in order."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections import defaultdict, deque
from collections.abc import Iterable

from fmi._tasks import Wait, poll
from fmi.channels.base import Channel
from fmi.config import Config
from fmi.errors import FMIError, PeerFailure, Timeout, name_ranks
from fmi.protocol.frames import NO_CALL, Abort, Call, Header, Kind
from fmi.protocol.transfer import ReceiveTransfer
from fmi.rendezvous.client import leave_notes
from fmi.rendezvous.connector import Connector
from fmi.rendezvous.handshake import derive
from fmi.transport.connection import Connection
from fmi.transport.mismatch import MismatchDetector
from fmi.transport.poller import Poller
from fmi.transport.shutdown import drain_and_close
from fmi.transport.spin import Spin, ranks_per_core

SHUTDOWN_S = 30.0
ABORT_SHUTDOWN_S = 1.0
# A rank that is pairing with this one at the moment of an abort would not read a note for seconds.
ABORT_PAIRING_S = 0.2
# A rank that has waited this long tells the rank that it waits for, and lets others pair with it meanwhile.
LISTEN_AFTER_S = 0.1
LATE_PAIRING_S = 1.0
# A wait is interrupted this often to check other channels, if there are any.
CHECK_OTHERS_S = 1.0
# How long such a check of this channel lasts, and how long while a peer is pairing with this rank.
CHECK_S = 0.01
CHECK_PAIRING_S = 0.25


class Connections(Channel):
    """The peers of one rank over TCP; `DirectChannel` sends messages to them.

    One thread at a time does everything: while it waits for one peer it receives what others send and notices
    when they die.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__()
        self._rank = rank
        self._world_size = world_size
        self._comm_name = comm_name
        self._config = config
        sharing = ranks_per_core(world_size, config.host)
        self.oversubscribed = sharing > 1
        self._connector = Connector(
            rank, world_size, comm_name, config, unconnected=self._unconnected, on_paired=self._add_connection
        )
        self._mismatches = MismatchDetector(rank)
        self._spin = Spin(sharing)
        self._poller = Poller(self._mismatches, self._spin)
        self._connections = self._poller.connections
        self._expected: defaultdict[int, deque[ReceiveTransfer]] = defaultdict(deque)
        self._check_others_at = 0.0
        self._closed = False

    # Connecting

    def connect(self, peers: Iterable[int]) -> None:
        """Pair with the peers not connected yet, side by side.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
        """
        wanted = set(peers).difference(self._connections)
        if wanted:
            self._pair_with(wanted)

    def _pair_with(self, wanted: set[int], deadline: float = math.inf) -> None:
        started = time.monotonic()
        until = started + self._config.peer_s
        self._connector.connect(wanted)
        while missing := wanted - self._connections.keys():
            if time.monotonic() >= until:
                limit = f"{self._config.peer_s:g} s"
                why = self._connector.describe_failures(missing)
                raise Timeout(
                    f"rank {self._rank} waited {limit} for {name_ranks(missing)} to connect{why}", missing
                )
            if time.monotonic() >= deadline:
                break
            self._wait(min(until, deadline))
        self.setup_seconds += time.monotonic() - started

    def rest(self) -> None:
        """Finish pairing with ranks that notified this one: they are waiting for it at this moment."""
        if self._connector.idle:
            return
        self._connector.stop_listening()
        until = time.monotonic() + LATE_PAIRING_S
        while self._connector.pending and time.monotonic() < until:
            self._wait(until)
        self._connector.close()

    def _unconnected(self) -> set[int]:
        return set(range(self._world_size)) - self._connections.keys() - {self._rank}

    def _add_connection(self, peer: int, sock: socket.socket) -> None:
        self._poller.add(Connection(peer, sock, self._expected[peer]))

    # Waiting

    def _wait(self, until: float, spin: bool = True) -> None:
        """Move everything on that can be moved, or sleep until something can or the time has come.

        Args:
            until: the time.
            spin: poll for a moment before sleeping.
        """
        self._poller.check_liveness()
        until = min(until, self._poller.due)
        if self.on_idle is not None:
            until = self._check_other_channels(until)
        if self._connector.idle:
            self._poller.poll(until, spin)
            return
        wait = self._connector.wait(until)
        connections = self._poller.sockets()
        ready = poll(Wait({**wait.sockets, **connections}, wait.until))
        self._poller.handle([(fd, ready[fd]) for fd in connections if fd in ready])
        self._connector.advance(ready)

    def _listen_in_time(self, started: float, until: float) -> float:
        """Listen for ranks that want to pair once the wait has lasted; return how long to wait for now."""
        if time.monotonic() < started + LISTEN_AFTER_S:
            return min(until, started + LISTEN_AFTER_S)
        self._connector.listen()
        return until

    # Other channels

    def _check_other_channels(self, until: float) -> float:
        """Check other channels if it is time to (`Channel.on_idle`); return how long to wait for now."""
        now = time.monotonic()
        if now >= self._check_others_at:
            self._check_others_at = now + CHECK_OTHERS_S
            awaited = self._poller.awaited
            peers = {awaited.peer} if awaited else self._connector.pending
            assert self.on_idle is not None  # noqa: S101 - this is called only where it is set
            self.on_idle(peers)
        return min(until, self._check_others_at)

    def waits_for_me(self, peer: int) -> Call | None:
        """The call in which a peer waits here for this rank, with nothing on its way to it."""
        self._connector.listen()
        started = time.monotonic()
        hook, self.on_idle = self.on_idle, None
        try:
            # A pairing is a dozen messages; at one a check it would be given up before it is done.
            while time.monotonic() < (until := started + self._check_duration()):
                self._wait(until, spin=False)
        finally:
            self.on_idle = hook
        connection = self._connections.get(peer)
        if connection is None:
            return None
        if connection.left:
            raise PeerFailure(peer, "it closed its communicator")
        return (
            connection.waiting.call
            if connection.waiting and connection.waiting.received == connection.sent
            else None
        )

    def _check_duration(self) -> float:
        return CHECK_PAIRING_S if self._connector.pending else CHECK_S

    # Ending

    def abort(self, abort: Abort) -> None:
        """Send an abort to connected peers, and leave notes for those that wait, or will wait, to pair."""
        if self._closed:
            return
        self._connector.stop_listening()
        until = time.monotonic() + ABORT_PAIRING_S
        while self._connector.pending and time.monotonic() < until:
            with contextlib.suppress(FMIError):  # it says what this rank knows: that the world has failed
                self._wait(until)
        unconnected = self._unconnected()
        self._close(Kind.ABORT, abort.pack(), ABORT_SHUTDOWN_S)
        secret, name = self._config.secret, self._comm_name
        pairs = [derive(secret, name, self._rank, peer, self._world_size) for peer in unconnected]
        leave_notes(self._connector.rendezvous, pairs, abort)

    def close(self) -> None:
        """Let what was sent arrive, tell the peers and close the connections."""
        if not self._closed:
            self._close(Kind.BYE, b"", SHUTDOWN_S)

    def _close(self, kind: Kind, payload: bytes, limit_s: float) -> None:
        self._closed = True
        self._connector.close()
        connections = list(self._connections.values())
        drain_and_close(connections, Header(kind, NO_CALL, 0, len(payload)), payload, limit_s)
        self._poller.clear()
