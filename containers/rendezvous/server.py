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
import uuid
from collections import Counter
from types import TracebackType

from containers.rendezvous.abort_notes import AbortNotes
from containers.rendezvous.connection import Client
from containers.rendezvous.limits import Limits
from containers.rendezvous.metrics import Metrics
from containers.rendezvous.pair_log import PairLog
from containers.rendezvous.ports import listen
from fmi.protocol.tcpunch import FLAG_ABORT, FLAG_LISTEN, FLAG_NOTIFY, Address, Request, Status

log = logging.getLogger("rendezvous")

BACKLOG = 4096
ACCEPT_AT_ONCE = 100
ACCEPT_PAUSE_S = 0.5
SERVER_FULL = b"server full"
_KINDS = {FLAG_ABORT: "abort", FLAG_NOTIFY: "ring", FLAG_LISTEN: "bell"}


class RendezvousServer:
    """Pairs clients by name, versions 1 and 2 on one port.

    Use as an async context manager, or `start()` and `stop()`; `address` is valid in between. Port 0 takes
    any free port.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.notes = AbortNotes(self.limits.notes, self.limits.note_s, self.limits.notes_per_address)
        self.waiting: dict[bytes, Client] = {}
        self.subscribers: dict[bytes, Client] = {}
        self.connections: set[Client] = set()
        self.metrics = Metrics()
        self.pair_log = PairLog()
        self._per_address: Counter[str] = Counter()
        self._waiting_per_address: Counter[str] = Counter()
        self._wanted = (host, port)
        self._listener: socket.socket | None = None
        self._accepting: set[asyncio.Task[None]] = set()
        self._active = time.monotonic()

    @property
    def address(self) -> Address:
        """Where the server listens."""
        if self._listener is None:
            raise RuntimeError("the rendezvous server is not running")
        return Address(*self._listener.getsockname())

    @property
    def idle_s(self) -> float:
        """Seconds since the last sign of a world: a request of version 2, or a pair of either.

        Version 1 takes any bytes for a name, so those who scan the internet for open ports would keep the
        server up for ever.
        """
        return time.monotonic() - self._active

    async def start(self) -> Address:
        """Listen, and return the bound address. Raises OSError when the port is taken."""
        listener = listen(*self._wanted, BACKLOG)
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
        leaving = [client.closed for client in self.connections]
        for client in list(self.connections):
            client.dismiss(Status.TIMEOUT)
        if leaving:  # each has its own deadline for taking what was written
            await asyncio.wait(leaving)
        self.pair_log.flush()
        log.info("stopped", extra={"pairs": self.metrics.value("pairs_total")})

    async def __aenter__(self) -> RendezvousServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def health(self) -> tuple[bool, dict[str, int]]:
        """Whether clients are taken in, and how much there is to do at this moment."""
        return self._listener is not None, self._gauges()

    def render_metrics(self) -> str:
        """The counters and gauges for Prometheus."""
        return self.metrics.render(self._gauges())

    def admit(self, client: Client) -> bool:
        """Count a new connection, unless there are too many of them in all or from its address."""
        self.metrics.count("connections_total")
        host = client.public.host
        if len(self.connections) >= self.limits.connections:
            return self._refuse(client, "connections")
        if self._per_address[host] >= self.limits.connections_per_address:
            return self._refuse(client, "address")
        self.connections.add(client)
        self._per_address[host] += 1
        return True

    def disconnected(self, client: Client) -> None:
        """Stop counting a connection that has ended."""
        self.connections.discard(client)
        _decrement(self._per_address, client.public.host)

    def accept(self, client: Client, request: Request) -> None:
        """Handle a complete request: leave an abort note, notify, pair, or let the client wait."""
        self.metrics.count("requests_total", _KINDS.get(request.flags, f"v{request.version}"))
        if request.version == 2:
            self._active = time.monotonic()
        if request.flags == FLAG_ABORT:
            self._leave_note(client, request)
        elif request.flags == FLAG_NOTIFY:
            self._notify(client, request)
        elif request.flags == FLAG_LISTEN:
            self._subscribe(client, request)
        elif (note := self.notes.find(request.name)) is not None:
            self.metrics.count("refused_total", "note")
            client.dismiss_with_note(note)
        else:
            self._pair_or_wait(client, request)

    def stop_waiting(self, client: Client) -> None:
        """Stop a client from waiting, so that it can never be paired."""
        request = client.request
        for table in (self.waiting, self.subscribers):
            if request and table.get(request.name) is client:
                self._remove(table, request.name)

    def _accept_more(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept_connections, listener)

    def _accept_connections(self, listener: socket.socket) -> None:
        """Accept the connections that are pending.

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
        except OSError as error:  # out of file descriptors: pending connections wait for the next attempt
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
        self.notes.add(request.name, request.note, client.public.host)
        waiter = self._remove(self.waiting, request.name)
        if waiter:
            waiter.dismiss_with_note(request.note)
        client.dismiss(Status.TIMEOUT)

    def _notify(self, client: Client, request: Request) -> None:
        subscriber = self.subscribers.get(request.name)
        if subscriber:
            subscriber.notify(request.token)
        client.dismiss(Status.TIMEOUT)

    def _subscribe(self, client: Client, request: Request) -> None:
        before = self._remove(self.subscribers, request.name)
        if before:
            before.dismiss(Status.TIMEOUT)
        self._wait(client, request, self.subscribers)

    def _pair_or_wait(self, client: Client, request: Request) -> None:
        if request.version == 2 and not request.token:
            request = client.request = request._replace(token=str(uuid.uuid4()).encode())
        waiter = self._remove(self.waiting, request.name)
        if waiter and waiter.is_closing:
            waiter = None
        if waiter and waiter.request and request.token and waiter.request.token == request.token:
            # The same client again: its earlier connection is dead, even if TCP has not noticed.
            waiter.dismiss(Status.TIMEOUT)
            waiter = None
        if waiter:
            self._active = time.monotonic()
            self.metrics.count_pair(self._active - waiter.connected_at)
            self.pair_log.add(self._active - waiter.connected_at)
            waiter.pair_with(client.public)
            client.confirm()
            client.pair_with(waiter.public)
        else:
            self._wait(client, request, self.waiting)

    def _wait(self, client: Client, request: Request, table: dict[bytes, Client]) -> None:
        host = client.public.host
        waiting = len(self.waiting) + len(self.subscribers)
        if (
            waiting >= self.limits.waiting
            or self._waiting_per_address[host] >= self.limits.waiting_per_address
        ):
            self._refuse(client, "waiting")
            client.dismiss(Status.ERROR, SERVER_FULL)
            return
        table[request.name] = client
        self._waiting_per_address[host] += 1
        client.confirm()
        client.expire_in(self.limits.waiting_s)

    def _remove(self, table: dict[bytes, Client], name: bytes) -> Client | None:
        """Remove and return the client that waits under a name, or None."""
        client = table.pop(name, None)
        if client:
            _decrement(self._waiting_per_address, client.public.host)
        return client

    def _refuse(self, client: Client, limit: str) -> bool:
        self.metrics.count("refused_total", limit)
        log.warning("limit reached", extra={"client": str(client.public), "limit": limit})
        return False

    def _gauges(self) -> dict[str, int]:
        return {
            "open_connections": len(self.connections),
            "waiting_for_a_peer": len(self.waiting),
            "waiting_for_rings": len(self.subscribers),
            "standing_notes": len(self.notes),
        }


def _decrement(counts: Counter[str], host: str) -> None:
    """Subtract one, and drop an address whose count is zero."""
    counts[host] -= 1
    if not counts[host]:
        del counts[host]
