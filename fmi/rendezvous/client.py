"""The rendezvous server's client: learn a peer's address, notify a peer, leave and read notes."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fmi._forks import close_in_children
from fmi._tasks import READ, WRITE, Task, Wait, closing_on_error, run_all
from fmi.protocol.frames import Abort
from fmi.protocol.tcpunch import (
    FLAG_LISTEN,
    FLAG_NOTIFY,
    NOTE_BYTES,
    NOTE_FOLLOWS,
    TOKEN_BYTES,
    V1_RESPONSE_BYTES,
    V2_RESPONSE_BYTES,
    Address,
    Response,
    Status,
    WireError,
    decode_v1_response,
    decode_v2_response,
    encode_note_request,
    encode_v1_request,
    encode_v2_request,
)
from fmi.rendezvous.handshake import AttemptFailed, Pair
from fmi.rendezvous.notes import failure_of, sealed
from fmi.rendezvous.retry_limit import RetryLimit, Unreachable, WrongServer

log = logging.getLogger("fmi")

NOTES_S = 3.0
# How long a name that does not resolve is not looked up again: every lookup blocks this rank.
UNRESOLVED_S = 1.0


@dataclass
class Meeting:
    """A peer's address, learnt from the server.

    Attributes:
        connection: to the server; it stays open while punching, as that keeps the NAT's mapping.
        peer: the peer's public address.
    """

    connection: socket.socket
    peer: Address

    @property
    def local_port(self) -> int:
        """The port that the peer knows this client by (seen through a NAT)."""
        port: int = self.connection.getsockname()[1]
        return port


class Rendezvous:
    """One rendezvous server.

    Args:
        host, port: where it is.
        protocol: version 1 or 2.
        answer_s: limit for connecting, and for its first answer.

    Attributes:
        retry_limit: how long it is asked again.
    """

    def __init__(self, host: str, port: int, protocol: int, answer_s: float) -> None:
        self.host = host
        self.port = port
        self.protocol = protocol
        self.retry_limit = RetryLimit(host, port)
        self._answer_s = answer_s
        self._resolved: tuple[str, int] | None = None
        self._unresolved: tuple[float, OSError] | None = None

    def __str__(self) -> str:
        return f"rendezvous server {self.host}:{self.port}"

    def meet(self, pair: Pair, token: bytes) -> Task[Meeting]:
        """Wait at the server for the peer, however long that takes.

        Raises:
            AttemptFailed: the server is away or full, or ended the wait; ask again.
            PeerFailure: the peer, or a rank it depends on, left a note that it failed.
        """
        sock = yield from self._connect()
        with closing_on_error(sock):
            if self.protocol == 1:
                yield from self._ask(sock, encode_v1_request(pair.name), V1_RESPONSE_BYTES)
                self.retry_limit.note_answer()
                peer = decode_v1_response((yield from self._receive(sock, V1_RESPONSE_BYTES)))
            else:
                peer = yield from self._pair(sock, pair, encode_v2_request(pair.name, token))
        return Meeting(sock, peer)

    def leave_note(self, pair: Pair, abort: Abort) -> Task[None]:
        """Leave a note for whoever waits, or will wait, under the pair's name: that this rank has failed.

        Version 1 has no notes, so there the peer waits until its deadline.
        """
        if self.protocol == 1:
            return
        sock = yield from self._connect()
        with sock:
            yield from self._ask(sock, encode_note_request(pair.name, sealed(pair, abort)), V2_RESPONSE_BYTES)

    def await_note(self, pair: Pair) -> Task[None]:
        """Wait for a note under a name that nobody else waits under; version 1 has no notes.

        Raises:
            PeerFailure: a rank left one.
        """
        if self.protocol == 1:
            return
        with (yield from self._connect()) as sock:
            # Always the same token: another communicator of this rank replaces this request.
            yield from self._pair(sock, pair, encode_v2_request(pair.name, pair.name[: TOKEN_BYTES - 1]))

    def notify(self, name: bytes, rank: int) -> Task[None]:
        """Tell the rank that waits for notices under a name that `rank` waits for it; not in version 1."""
        if self.protocol == 1:
            return
        with (yield from self._connect()) as sock:
            notice = encode_v2_request(name, str(rank).encode(), FLAG_NOTIFY)
            yield from self._ask(sock, notice, V2_RESPONSE_BYTES)

    def wait_for_notices(self, name: bytes, on_notice: Callable[[int], None]) -> Task[None]:
        """Call `on_notice` with the rank of every notice under a name, until the server ends it."""
        if self.protocol == 1:
            return
        with (yield from self._connect()) as sock:
            request = encode_v2_request(name, flags=FLAG_LISTEN)
            response = self._decode((yield from self._ask(sock, request, V2_RESPONSE_BYTES)))
            while response.status is Status.WAITING:
                response = self._decode((yield from self._receive(sock, V2_RESPONSE_BYTES)))
                with contextlib.suppress(ValueError):
                    on_notice(int(response.token))

    def _pair(self, sock: socket.socket, pair: Pair, request: bytes) -> Task[Address]:
        data = yield from self._ask(sock, request, V2_RESPONSE_BYTES)
        while True:
            response = self._decode(data)
            if response.status is Status.PAIRED:
                return response.peer
            if response.status is Status.ERROR and response.token == NOTE_FOLLOWS:
                raise failure_of(pair, (yield from self._receive(sock, NOTE_BYTES)))
            if response.status is not Status.WAITING:
                reason = response.token if response.status is Status.ERROR else b""
                raise AttemptFailed(f"the {self} said {response.status.name.lower()} {reason!r}")
            data = yield from self._receive(sock, V2_RESPONSE_BYTES)

    def _ask(self, sock: socket.socket, request: bytes, length: int) -> Task[bytes]:
        """Send a request and receive the answer, which comes at once whatever the request is."""
        try:
            if sock.send(request) != len(request):  # less than any send buffer, so it goes at once
                raise Unreachable(f"the {self} did not take the request")
        except OSError as error:
            raise Unreachable(f"the {self} went away: {error.strerror or error}") from error
        return (yield from self._receive(sock, length, time.monotonic() + self._answer_s))

    def _receive(self, sock: socket.socket, length: int, until: float = math.inf) -> Task[bytes]:
        data = b""
        while len(data) < length:
            ready = yield Wait({sock.fileno(): READ}, until)
            if not ready:
                raise self._silent(data, f"the {self} did not answer")
            try:
                more = sock.recv(length - len(data))
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._silent(data, f"the {self} went away: {error.strerror or error}") from error
            if not more:
                raise self._silent(data, f"the {self} closed the connection")
            data += more
        return data

    def _silent(self, data: bytes, what: str) -> Unreachable:
        """The error for an incomplete answer: a rendezvous server sends whole ones."""
        return self._wrong_server(data) if data else Unreachable(what)

    def _wrong_server(self, data: bytes) -> WrongServer:
        return WrongServer(
            f"what listens at {self.host}:{self.port} is no rendezvous server: it said {data!r}"
        )

    def _decode(self, data: bytes) -> Response:
        try:
            response = decode_v2_response(data)
        except WireError as error:
            raise self._wrong_server(data) from error
        self.retry_limit.note_answer()
        return response

    def _connect(self) -> Task[socket.socket]:
        """Connect from a port that this client can afterwards listen on and connect from."""
        try:
            sock = bound_socket(0)
            with closing_on_error(sock):
                status = sock.connect_ex(self._address())
                if status == errno.EINPROGRESS:
                    until = time.monotonic() + self._answer_s
                    ready = yield Wait({sock.fileno(): WRITE}, until)
                    status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else errno.ETIMEDOUT
                if status:
                    raise OSError(status, os.strerror(status))
                return sock
        except OSError as error:
            raise Unreachable(f"cannot reach the {self}: {error.strerror or error}") from error

    def _address(self) -> tuple[str, int]:
        if self._resolved is None:
            self._resolved = (self._resolve(), self.port)
        return self._resolved

    def _resolve(self) -> str:
        now = time.monotonic()
        if self._unresolved and now < self._unresolved[0] + UNRESOLVED_S:
            raise self._unresolved[1]
        try:
            found = socket.getaddrinfo(self.host, self.port, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            failure = OSError(error.errno, f"its name does not resolve ({error.strerror})")
            self._unresolved = time.monotonic(), failure
            raise failure from error
        return str(found[0][4][0])


def leave_notes(
    rendezvous: Rendezvous, pairs: Iterable[Pair], abort: Abort, limit_s: float = NOTES_S
) -> None:
    """Leave a note for every pair, side by side, as far as possible within the limit."""
    if rendezvous.retry_limit.is_over:
        return
    notes = [quietly(rendezvous.leave_note(pair, abort)) for pair in pairs]
    run_all(notes, time.monotonic() + limit_s)


def quietly(task: Task[None]) -> Task[None]:
    """A task whose failed attempt is logged, not raised."""
    try:
        yield from task
    except AttemptFailed as failure:
        log.info("%s", failure)


def bound_socket(port: int) -> socket.socket:
    """A non-blocking TCP socket bound to a local port that other sockets of this process may share.

    For port 0, sharing is allowed only after binding: otherwise the kernel may choose a port that another
    communicator uses for hole punching.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    close_in_children(sock)
    with closing_on_error(sock):
        sock.setblocking(False)
        if port:
            _share_port(sock)
            sock.bind(("", port))
        else:
            sock.bind(("", 0))
            _share_port(sock)
    return sock


def _share_port(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
