"""Connections to the peers: made when they are first needed, looked after in every wait, ended in order."""

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
from fmi.protocol.transfer import Expected
from fmi.rendezvous.client import leave_notes
from fmi.rendezvous.connector import Company
from fmi.rendezvous.handshake import derive
from fmi.transport.connection import Link
from fmi.transport.mismatch import Agreement
from fmi.transport.oversubscription import ranks_per_core
from fmi.transport.poller import Pump
from fmi.transport.shutdown import part
from fmi.transport.spin import Spin

FAREWELL_S = 30.0
ABORT_FAREWELL_S = 1.0
# A rank that is pairing with this one at the moment of an abort would not look for a note for seconds.
ABORT_PAIRING_S = 0.2
# A rank that has waited this long tells whom it waits for, and lets others pair with it meanwhile.
LISTEN_AFTER_S = 0.1
LATE_PAIRING_S = 1.0
# A wait is interrupted this often to look at other channels, if there are any.
LOOK_BESIDE_S = 1.0
# How long such a look at this channel lasts, and how long while a peer is pairing with this rank.
GLANCE_S = 0.01
PAIR_BESIDE_S = 0.25


class Connections(Channel):
    """The peers of one rank over TCP; `Direct` sends messages to them.

    One thread at a time does everything: while it waits for one peer it takes in what others send and
    notices when they die.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__()
        self._rank = rank
        self._world_size = world_size
        self._comm_name = comm_name
        self._config = config
        sharing = ranks_per_core(world_size, config.host)
        self.crowded = sharing > 1
        self._company = Company(
            rank, world_size, comm_name, config, strangers=self._strangers, on_paired=self._add_link
        )
        self._agreement = Agreement(rank)
        self._spin = Spin(sharing)
        self._pump = Pump(self._agreement, self._spin)
        self._links = self._pump.links
        self._expected: defaultdict[int, deque[Expected]] = defaultdict(deque)
        self._look_beside_at = 0.0
        self._closed = False

    # Connecting

    def connect(self, peers: Iterable[int]) -> None:
        """Pair with the peers not connected yet, side by side.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
        """
        wanted = set(peers).difference(self._links)
        if wanted:
            self._pair_with(wanted)

    def _pair_with(self, wanted: set[int], deadline: float = math.inf) -> None:
        started = time.monotonic()
        until = started + self._config.peer_s
        self._company.invite(wanted)
        while missing := wanted - self._links.keys():
            if time.monotonic() >= until:
                limit = f"{self._config.peer_s:g} s"
                why = self._company.describe_failures(missing)
                raise Timeout(
                    f"rank {self._rank} waited {limit} for {name_ranks(missing)} to connect{why}", missing
                )
            if time.monotonic() >= deadline:
                break
            self._wait(min(until, deadline))
        self.setup_seconds += time.monotonic() - started

    def rest(self) -> None:
        """Finish pairing with ranks that rang meanwhile: they are waiting for it at this moment."""
        if self._company.idle:
            return
        self._company.stop_listening()
        until = time.monotonic() + LATE_PAIRING_S
        while self._company.pending and time.monotonic() < until:
            self._wait(until)
        self._company.close()

    def _strangers(self) -> set[int]:
        return set(range(self._world_size)) - self._links.keys() - {self._rank}

    def _add_link(self, peer: int, sock: socket.socket) -> None:
        self._pump.add(Link(peer, sock, self._expected[peer]))

    # Waiting

    def _wait(self, until: float, look: bool = True) -> None:
        """Let everything go on that can, or sleep until something can or the time has come.

        Args:
            until: the time.
            look: look for a moment before sleeping.
        """
        self._pump.feel_pulse()
        until = min(until, self._pump.due)
        if self.on_wait is not None:
            until = self._beside_others(until)
        if self._company.idle:
            self._pump.turn(until, look)
            return
        wait = self._company.wait(until)
        links = self._pump.sockets()
        ready = poll(Wait({**wait.sockets, **links}, wait.until))
        self._pump.handle([(fd, ready[fd]) for fd in links if fd in ready])
        self._company.advance(ready)

    def _listen_in_time(self, started: float, until: float) -> float:
        """Listen for ranks that want to pair once the wait has lasted; returns how long to wait for now."""
        if time.monotonic() < started + LISTEN_AFTER_S:
            return min(until, started + LISTEN_AFTER_S)
        self._company.listen()
        return until

    # Other channels

    def _beside_others(self, until: float) -> float:
        """Where there are other channels, wake up and look at them as often as `Channel.on_wait` says."""
        now = time.monotonic()
        if now >= self._look_beside_at:
            self._look_beside_at = now + LOOK_BESIDE_S
            awaited = self._pump.awaited
            peers = {awaited.peer} if awaited else self._company.pending
            assert self.on_wait is not None  # noqa: S101 - this is called only where it is set
            self.on_wait(peers)
        return min(until, self._look_beside_at)

    def awaits(self, peer: int) -> Call | None:
        """In which call a peer waits here for this rank, with nothing on its way to it."""
        self._company.listen()
        started = time.monotonic()
        hook, self.on_wait = self.on_wait, None
        try:
            # A pairing is a dozen messages to and fro; at one a look it would be given up before it is done.
            while time.monotonic() < (until := started + self._look_lasts()):
                self._wait(until, look=False)
        finally:
            self.on_wait = hook
        link = self._links.get(peer)
        if link is None:
            return None
        if link.left:
            raise PeerFailure(peer, "it closed its communicator")
        return link.waiting.call if link.waiting and link.waiting.received == link.sent else None

    def _look_lasts(self) -> float:
        return PAIR_BESIDE_S if self._company.pending else GLANCE_S

    # Ending

    def abort(self, abort: Abort) -> None:
        """Send an abort to connected peers, and leave notes for those that wait, or will wait, to pair."""
        if self._closed:
            return
        self._company.stop_listening()
        until = time.monotonic() + ABORT_PAIRING_S
        while self._company.pending and time.monotonic() < until:
            with contextlib.suppress(FMIError):  # they tell what this rank knows: that the world has failed
                self._wait(until)
        strangers = self._strangers()
        self._close(Kind.ABORT, abort.pack(), ABORT_FAREWELL_S)
        secret, name = self._config.secret, self._comm_name
        pairs = [derive(secret, name, self._rank, peer, self._world_size) for peer in strangers]
        leave_notes(self._company.rendezvous, pairs, abort)

    def close(self) -> None:
        """Let what was sent arrive, say goodbye and close the connections."""
        if not self._closed:
            self._close(Kind.BYE, b"", FAREWELL_S)

    def _close(self, kind: Kind, payload: bytes, limit_s: float) -> None:
        self._closed = True
        self._company.close()
        links = list(self._links.values())
        part(links, Header(kind, NO_CALL, 0, len(payload)), payload, limit_s)
        self._pump.clear()
