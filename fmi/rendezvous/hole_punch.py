"""TCP hole punching: one authenticated connection between two ranks that know each other's address.

Each side listens on the port that the other knows, and connects from it at the same time. Whichever way the
first packets cross, one connection results: it is accepted, connected, or opened from both ends at once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import socket
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from fmi._forks import close_in_children
from fmi._tasks import READ, WRITE, Ready, Running, Task, Wait, combine
from fmi.config import Config
from fmi.protocol.tcpunch import Address
from fmi.rendezvous.client import Meeting, Rendezvous, bound_socket
from fmi.rendezvous.handshake import AttemptFailed, AuthenticationFailed, Pair, handshake
from fmi.rendezvous.retry_limit import Unreachable

log = logging.getLogger("fmi")

FIRST_RETRY_S = 0.0005
LAST_RETRY_S = 0.05
# Both ranks begin an attempt at the same moment, so both end it at the same moment and begin another.
ATTEMPT_S = 5.0
FIRST_PAUSE_S = 0.002
LAST_PAUSE_S = 0.25


def connect(
    pair: Pair, rendezvous: Rendezvous, config: Config, on_failure: Callable[[str], None]
) -> Task[socket.socket]:
    """Get a connection to the peer, in as many attempts as it takes; the caller sets the limit.

    `on_failure` is called with the reason of every failed attempt.

    Raises:
        RendezvousError: no rendezvous server has ever answered.
        Timeout: one has, and then was unreachable for the set-up limit.
        PeerFailure: the peer left a note that it failed.
        MismatchError: the peer has another world size.
    """
    token = str(uuid.uuid4()).encode()
    pause = FIRST_PAUSE_S
    away_since, missed = math.inf, 0
    while True:
        asked = time.monotonic()
        try:
            meeting = yield from rendezvous.meet(pair, token)
            pause, away_since, missed = FIRST_PAUSE_S, math.inf, 0
            with meeting.connection:
                return (yield from _punch(meeting, pair, config))
        except AttemptFailed as failure:
            log.info("rank %d: pairing with rank %d again: %s", pair.rank, pair.peer, failure)
            on_failure(str(failure))
            if isinstance(failure, Unreachable):
                away_since, missed = min(away_since, asked), missed + 1
                rendezvous.retry_limit.check(failure, away_since, missed, config.setup_s)
            else:
                away_since, missed = math.inf, 0
        yield Wait({}, time.monotonic() + pause)
        pause = min(pause * 2, LAST_PAUSE_S)


def _punch(meeting: Meeting, pair: Pair, config: Config) -> Task[socket.socket]:
    punch = _Punch(meeting, pair, config)
    try:
        while True:
            ready = yield punch.wait()
            connected = punch.advance(ready)
            if connected:
                return connected
    finally:
        punch.close()


class _Candidate(NamedTuple):
    """A connection that may be the peer's, and its handshake under way."""

    sock: socket.socket
    address: Address
    handshake: Running[None]


class _Punch:
    """One attempt: a listener, a connecting socket, and the candidates that result from both."""

    def __init__(self, meeting: Meeting, pair: Pair, config: Config) -> None:
        self._pair = pair
        self._peer = meeting.peer
        self._port = meeting.local_port
        self._probe_bytes = config.probe_bytes
        self._until = time.monotonic() + min(ATTEMPT_S, config.setup_s)
        self._candidates: list[_Candidate] = []
        self._connector: socket.socket | None = None
        self._last_failure: AttemptFailed | None = None
        self._next_try = time.monotonic()
        self._delay = FIRST_RETRY_S
        try:
            self._listener = bound_socket(self._port)
        except OSError as error:
            raise AttemptFailed(f"cannot listen on port {self._port}: {error.strerror}") from error
        self._listener.listen(8)
        self._try_connecting()

    def wait(self) -> Wait:
        """What to wait for next."""
        own = {self._listener.fileno(): READ}
        if self._connector:
            own[self._connector.fileno()] = WRITE
        until = self._until if self._connector else min(self._until, self._next_try)
        return combine([Wait(own, until), *(each.handshake.wait for each in self._candidates)], until)

    def advance(self, ready: Ready) -> socket.socket | None:
        """Act on what is ready; return the authenticated connection when there is one."""
        if self._listener.fileno() in ready:
            self._accept()
        if self._connector and self._connector.fileno() in ready:
            self._finish_connecting()
        for candidate in list(self._candidates):
            connected = self._advance_handshake(candidate, ready)
            if connected:
                return connected
        now = time.monotonic()
        if now >= self._until:
            why = f" ({self._last_failure})" if self._last_failure else ""
            raise AttemptFailed(f"no connection to {self._peer} came about{why}")
        if not self._connector and now >= self._next_try:
            self._try_connecting()
        return None

    def close(self) -> None:
        """Close everything but the connection that was returned."""
        self._listener.close()
        if self._connector:
            self._connector.close()
        for candidate in self._candidates:
            candidate.handshake.close()
            candidate.sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                sock, address = self._listener.accept()
                self._add_candidate(sock, Address(*address[:2]))

    def _try_connecting(self) -> None:
        try:
            sock = bound_socket(self._port)
        except OSError:
            self._schedule_retry()
            return
        if sock.connect_ex(self._peer) in (0, errno.EINPROGRESS):
            self._connector = sock
        else:
            # EADDRNOTAVAIL: the peer's connection to us is already there, waiting to be accepted.
            sock.close()
            self._schedule_retry()

    def _finish_connecting(self) -> None:
        sock, self._connector = self._connector, None
        assert sock is not None  # noqa: S101 - the caller saw to it
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            sock.close()  # refused: the peer does not listen yet
            self._schedule_retry()
        else:
            self._next_try = self._until
            self._add_candidate(sock, self._peer)

    def _schedule_retry(self) -> None:
        self._next_try = time.monotonic() + self._delay
        self._delay = min(self._delay * 2, LAST_RETRY_S)

    def _add_candidate(self, sock: socket.socket, address: Address) -> None:
        close_in_children(sock)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shake = handshake(sock, self._pair, self._probe_bytes, self._until)
        self._candidates.append(_Candidate(sock, address, Running(shake)))

    def _advance_handshake(self, candidate: _Candidate, ready: Ready) -> socket.socket | None:
        try:
            candidate.handshake.resume(ready)
        except AttemptFailed as failure:
            self._drop(candidate, failure)
            return None
        if not candidate.handshake.done:
            return None
        self._candidates.remove(candidate)
        return candidate.sock

    def _drop(self, candidate: _Candidate, failure: AttemptFailed) -> None:
        self._candidates.remove(candidate)
        self._last_failure = failure
        candidate.sock.close()
        if isinstance(failure, AuthenticationFailed):
            log.warning("rank %d refused %s: %s", self._pair.rank, candidate.address, failure)
        if candidate.address == self._peer:
            # The peer has ended this attempt, or is an impostor: the next attempt brings the honest one.
            raise failure
