"""One connection of the rendezvous server: it reads a request, then waits to be paired or dismissed."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections.abc import Callable
from typing import Protocol

from containers.rendezvous.limits import Limits
from containers.rendezvous.metrics import Metrics
from fmi.protocol.tcpunch import (
    NAME_BYTES,
    NOTE_FOLLOWS,
    NOWHERE,
    Address,
    Request,
    Status,
    WireError,
    decode_v1_request,
    decode_v2_request,
    encode_v1_response,
    encode_v2_response,
    is_v2,
    request_bytes,
)

log = logging.getLogger("rendezvous")

# A version 1 request has no terminator, so it is over when nothing follows for this long.
V1_SILENCE_S = 0.01
MALFORMED = b"malformed request"
# Who scans the internet for open ports speaks HTTP, TLS or SSH, and would be paired with the next who does.
_FOREIGN = re.compile(
    rb"[\x00-\x1f\x7f]|^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|CONNECT|PRI) |^SSH-"
)


class Server(Protocol):
    """What a connection needs from the server."""

    limits: Limits
    metrics: Metrics

    def admit(self, client: Client) -> bool:
        """Whether a connection is within the limits; then it counts."""

    def disconnected(self, client: Client) -> None:
        """An admitted connection has ended."""

    def accept(self, client: Client, request: Request) -> None:
        """Handle a complete request."""

    def stop_waiting(self, client: Client) -> None:
        """Stop a client from waiting."""


class Client(asyncio.Protocol):
    """One connection: reads a request, then waits to be paired or dismissed."""

    def __init__(self, server: Server) -> None:
        self.public = NOWHERE
        self.request: Request | None = None
        self.connected_at = time.monotonic()
        self._server = server
        self._head = b""
        self._request_due = 0.0
        self._admitted = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the client, unless a limit is reached, and start the deadline for its request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells mypy what create_server passes
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if peer is None:  # it was reset before we could look
            transport.abort()
            return
        self.public = Address(*peer[:2])
        self._admitted = self._server.admit(self)
        if not self._admitted:
            transport.abort()
            return
        _keep_alive(transport.get_extra_info("socket"))
        self._request_due = time.monotonic() + self._server.limits.request_s
        self.expire_in(self._server.limits.request_s)

    def data_received(self, data: bytes) -> None:
        """Collect the request; ignore anything after it."""
        if self.request is not None or self.is_closing:
            return
        self._head += data
        length = request_bytes(self._head)
        self._head = self._head[:length]
        if len(self._head) == length:
            self._accept()
        elif not is_v2(self._head):
            self._call_later(V1_SILENCE_S, self._accept)
        else:
            self.expire_in(self._request_due - time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and release the connection's place."""
        del exc
        self._cancel_timer()
        self._server.stop_waiting(self)
        if self._admitted:
            self._server.disconnected(self)
        self.closed.set_result(None)

    def confirm(self) -> None:
        """Confirm the request at once with the client's own public address."""
        if self.request and self.request.version == 1:
            self._write(encode_v1_response(self.public))
        else:
            self._write(encode_v2_response(Status.WAITING, self.public, token=self._token))

    def notify(self, token: bytes) -> None:
        """Pass a notification's token to a client that listens."""
        self._write(encode_v2_response(Status.WAITING, self.public, token=token))

    def pair_with(self, peer: Address) -> None:
        """Tell the client its peer's address and close the connection."""
        if self.request and self.request.version == 1:
            self._write(encode_v1_response(peer))
        else:
            self._write(encode_v2_response(Status.PAIRED, self.public, peer, self._token))
        log.debug("paired", extra={"client": str(self.public), "peer": str(peer)})
        self._finish()

    def dismiss(self, status: Status, reason: bytes = b"") -> None:
        """Close the connection without a peer; version 1 has no status to send."""
        if self._is_v2:
            self._write(encode_v2_response(status, self.public, token=reason or self._token))
        self._finish()

    def dismiss_with_note(self, note: bytes) -> None:
        """Close the connection of a client whose peer has left a note."""
        if self._is_v2:
            self._write(encode_v2_response(Status.ERROR, self.public, token=NOTE_FOLLOWS) + note)
        self._finish()

    def expire_in(self, seconds: float) -> None:
        """Dismiss the client if its state has not changed by then."""
        self._call_later(seconds, self._expire)

    @property
    def is_closing(self) -> bool:
        """Whether the connection is closing; asyncio calls `connection_lost` only some iterations later."""
        return self._transport is None or self._transport.is_closing()

    @property
    def _token(self) -> bytes:
        return self.request.token if self.request else b""

    @property
    def _is_v2(self) -> bool:
        return is_v2(self._head)

    def _accept(self) -> None:
        self._cancel_timer()
        try:
            decode = decode_v2_request if self._is_v2 else decode_v1_request
            request = decode(self._head)
            if _FOREIGN.search(request.name):
                raise WireError("another protocol's request, or a name with control characters")
            self.request = request
        except WireError as error:
            self._server.metrics.count("refused_total", "malformed")
            log.info("refused", extra={"client": str(self.public), "reason": str(error)})
            self.dismiss(Status.ERROR, MALFORMED)
            return
        if self.request.version == 1 and len(self._head) > NAME_BYTES:
            reason = f"longer than {NAME_BYTES} bytes"
            log.warning("name cut", extra={"client": str(self.public), "reason": reason})
        self._server.accept(self, self.request)

    def _expire(self) -> None:
        state = "waiting" if self.request else "request"
        self._server.metrics.count("timeouts_total", state)
        log.info("timed out", extra={"client": str(self.public), "state": state})
        self.dismiss(Status.TIMEOUT)

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self) -> None:
        """Close once the client has taken what was written, or abort after `closing_s`."""
        self._server.stop_waiting(self)
        if self._transport:
            self._transport.close()
            self._call_later(self._server.limits.closing_s, self._transport.abort)

    def _call_later(self, seconds: float, action: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, action)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _keep_alive(sock: socket.socket) -> None:
    """Notice within half a minute that a waiting client's host has vanished."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
