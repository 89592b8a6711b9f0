"""The TCPunch rendezvous server: it tells two clients that name the same pairing each other's public address.

One asyncio protocol object a connection and no task, so a waiting client costs a few kilobytes. Nothing a
client does or leaves undone delays another: every state of a connection has its own deadline, and all state
about a waiting client goes with its connection.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import OrderedDict
from dataclasses import dataclass
from types import TracebackType

from fmi.wire import (
    FLAG_ABORT,
    FLAG_BELL,
    FLAG_RING,
    V2_REQUEST_BYTES,
    Address,
    Request,
    Status,
    WireError,
    decode_v1_request,
    decode_v2_request,
    encode_v1_response,
    encode_v2_response,
    is_v2,
)

log = logging.getLogger("rendezvous")

BACKLOG = 4096
ACCEPT_AT_ONCE = 100
ACCEPT_PAUSE_S = 0.5
SERVER_FULL = b"server full"
# A version 1 request has no terminator, so it is over when nothing follows for this long.
V1_SILENCE_S = 0.01


@dataclass(frozen=True)
class Limits:
    """What the server allows; times in seconds."""

    request_s: float = 5.0
    waiting_s: float = 300.0
    closing_s: float = 5.0
    waiting_clients: int = 20_000
    note_s: float = 300.0
    notes: int = 100_000


class Notes:
    """What aborting ranks left behind for peers that have yet to come: pairing name → short text.

    Bounded in number and in age; the oldest goes first.
    """

    def __init__(self, limit: int, age_s: float) -> None:
        self._limit = limit
        self._age_s = age_s
        self._notes: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def add(self, name: bytes, text: bytes) -> None:
        """Leave a note under a name; the first one stands, as it names the cause."""
        now = time.monotonic()
        self._expire(now)
        self._notes.setdefault(name, (now, text))
        while len(self._notes) > self._limit:
            self._notes.popitem(last=False)

    def find(self, name: bytes) -> bytes | None:
        """The note under a name, or None."""
        self._expire(time.monotonic())
        found = self._notes.get(name)
        return found[1] if found else None

    def _expire(self, now: float) -> None:
        while self._notes:
            left_at, _ = next(iter(self._notes.values()))
            if now - left_at < self._age_s:
                return
            self._notes.popitem(last=False)


class RendezvousServer:
    """Pairs clients by name, versions 1 and 2 on one port.

    Use as an async context manager, or `start()` and `stop()`; `address` is valid in between. Port 0 takes
    any free port.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.notes = Notes(self.limits.notes, self.limits.note_s)
        self.waiting: dict[bytes, Client] = {}
        self.bells: dict[bytes, Client] = {}
        self.connections: set[Client] = set()
        self.paired = 0
        self._wanted = (host, port)
        self._listener: socket.socket | None = None
        self._accepting: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where the server listens."""
        if self._listener is None:
            raise RuntimeError("the rendezvous server is not running")
        return Address(*self._listener.getsockname())

    async def start(self) -> Address:
        """Listen, and return the bound address. Raises OSError when the port is taken."""
        listener = socket.create_server(self._wanted, backlog=BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        self._accept_more(listener)
        log.info("listening", extra={"address": str(self.address)})
        return self.address

    async def stop(self) -> None:
        """Stop listening and tell every waiting client to ask elsewhere (or again)."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        if self._accepting:
            await asyncio.wait(self._accepting)
        leaving = [client.gone for client in self.connections]
        for client in list(self.connections):
            client.dismiss(Status.TIMEOUT)
        if leaving:  # each has its own deadline for taking its last words
            await asyncio.wait(leaving)
        log.info("stopped", extra={"paired": self.paired})

    async def __aenter__(self) -> RendezvousServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def accept(self, client: Client, request: Request) -> None:
        """Act on a complete request: leave a note, pair, or let the client wait."""
        if request.flags == FLAG_ABORT:
            self._leave_note(client, request)
        elif request.flags == FLAG_RING:
            self._ring(client, request)
        elif request.flags == FLAG_BELL:
            self._wait_for_rings(client, request)
        elif (note := self.notes.find(request.name)) is not None:
            client.dismiss(Status.ERROR, note)
        else:
            self._pair_or_wait(client, request)

    def forget(self, client: Client) -> None:
        """Stop a client from waiting, so that it can never be paired."""
        request = client.request
        for table in (self.waiting, self.bells):
            if request and table.get(request.name) is client:
                del table[request.name]

    def _accept_more(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept_waiting, listener)

    def _accept_waiting(self, listener: socket.socket) -> None:
        """Take in who has connected.

        asyncio's own server loses connections that it accepts in the moment it is closed; here `stop` waits
        for them.
        """
        loop = asyncio.get_running_loop()
        try:
            for _ in range(ACCEPT_AT_ONCE):
                sock, _address = listener.accept()
                task = loop.create_task(self._connect(sock))
                self._accepting.add(task)
                task.add_done_callback(self._accepting.discard)
        except (BlockingIOError, ConnectionError):
            return
        except (
            OSError
        ) as error:  # out of file descriptors: those that wait keep theirs, the next try is later
            log.error("cannot accept", extra={"reason": error.strerror})
            loop.remove_reader(listener)
            loop.call_later(ACCEPT_PAUSE_S, self._accept_more, listener)

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Client(self), sock)
        except OSError as error:
            log.info("lost at once", extra={"reason": error.strerror})
            sock.close()

    def _leave_note(self, client: Client, request: Request) -> None:
        self.notes.add(request.name, request.token)
        waiter = self.waiting.pop(request.name, None)
        if waiter:
            waiter.dismiss(Status.ERROR, request.token)
        client.dismiss(Status.TIMEOUT)

    def _ring(self, client: Client, request: Request) -> None:
        bell = self.bells.get(request.name)
        if bell:
            bell.pass_on(request.token)
        client.dismiss(Status.TIMEOUT)

    def _wait_for_rings(self, client: Client, request: Request) -> None:
        before = self.bells.pop(request.name, None)
        if before:
            before.dismiss(Status.TIMEOUT)
        self._let_wait(client, request, self.bells)

    def _pair_or_wait(self, client: Client, request: Request) -> None:
        waiter = self.waiting.pop(request.name, None)
        if waiter and waiter.request and request.token and waiter.request.token == request.token:
            # The same client again: its earlier connection is stale, whatever TCP thinks of it.
            waiter.dismiss(Status.TIMEOUT)
            waiter = None
        if waiter:
            self.paired += 1
            waiter.introduce(client.public)
            client.greet()
            client.introduce(waiter.public)
        else:
            self._let_wait(client, request, self.waiting)

    def _let_wait(self, client: Client, request: Request, table: dict[bytes, Client]) -> None:
        if len(self.waiting) + len(self.bells) >= self.limits.waiting_clients:
            log.warning("too many waiting clients", extra={"client": str(client.public)})
            client.dismiss(Status.ERROR, SERVER_FULL)
            return
        table[request.name] = client
        client.greet()
        client.expire_in(self.limits.waiting_s)


class Client(asyncio.Protocol):
    """One connection: reads a request, then waits to be paired or dismissed."""

    def __init__(self, server: RendezvousServer) -> None:
        self.public = Address("0.0.0.0", 0)  # noqa: S104 - replaced when the connection is made
        self.request: Request | None = None
        self._server = server
        self._head = b""
        self._request_due = 0.0
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is and give it a moment to say what it wants."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells mypy what create_server passes
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if peer is None:  # it was reset before we could look
            transport.abort()
            return
        self.public = Address(*peer[:2])
        _keep_alive(transport.get_extra_info("socket"))
        self._server.connections.add(self)
        self._request_due = time.monotonic() + self._server.limits.request_s
        self.expire_in(self._server.limits.request_s)

    def data_received(self, data: bytes) -> None:
        """Collect the request; anything after it is nobody's protocol and is ignored."""
        if self.request is not None or self._transport is None or self._transport.is_closing():
            return
        self._head += data[: V2_REQUEST_BYTES - len(self._head)]
        if not is_v2(self._head):
            self._call_later(V1_SILENCE_S, self._accept_v1)
        elif len(self._head) == V2_REQUEST_BYTES:
            self._accept(2)
        else:
            self.expire_in(self._request_due - time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was known about this client is void now."""
        del exc
        self._cancel_timer()
        self._server.forget(self)
        self._server.connections.discard(self)
        self.gone.set_result(None)

    def greet(self) -> None:
        """Answer at once with the client's own public address."""
        if self.request and self.request.version == 1:
            self._write(encode_v1_response(self.public))
        else:
            self._write(encode_v2_response(Status.WAITING, self.public, token=self._token))

    def pass_on(self, token: bytes) -> None:
        """Tell a client that waits for rings who rang."""
        self._write(encode_v2_response(Status.WAITING, self.public, token=token))

    def introduce(self, peer: Address) -> None:
        """Tell the client its peer's address and let it go."""
        if self.request and self.request.version == 1:
            self._write(encode_v1_response(peer))
        else:
            self._write(encode_v2_response(Status.PAIRED, self.public, peer, self._token))
        log.debug("paired", extra={"client": str(self.public), "peer": str(peer)})
        self._finish()

    def dismiss(self, status: Status, note: bytes = b"") -> None:
        """Let the client go without a peer; version 1 has no word for it but closing."""
        if self.request and self.request.version == 2:
            self._write(encode_v2_response(status, self.public, token=note or self._token))
        self._finish()

    def expire_in(self, seconds: float) -> None:
        """Dismiss the client if its state has not changed by then."""
        self._call_later(seconds, self._expire)

    @property
    def _token(self) -> bytes:
        return self.request.token if self.request else b""

    def _accept_v1(self) -> None:
        self._accept(1)

    def _accept(self, version: int) -> None:
        self._cancel_timer()
        try:
            decode = decode_v1_request if version == 1 else decode_v2_request
            self.request = decode(self._head)
        except WireError as error:
            log.info("refused", extra={"client": str(self.public), "reason": str(error)})
            self._finish()
            return
        self._server.accept(self, self.request)

    def _expire(self) -> None:
        log.info("timed out", extra={"client": str(self.public), "waiting": self.request is not None})
        self.dismiss(Status.TIMEOUT)

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self) -> None:
        """Close after what was written has gone out, and by force if the client does not take it."""
        self._server.forget(self)
        if self._transport:
            self._transport.close()
            self._call_later(self._server.limits.closing_s, self._transport.abort)

    def _call_later(self, seconds: float, action: object) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, action)  # type: ignore[arg-type]

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _keep_alive(sock: socket.socket) -> None:
    """Notice within half a minute when a waiting client's host vanished without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
