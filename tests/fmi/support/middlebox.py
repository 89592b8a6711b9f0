"""A rendezvous server behind which every pair is connected through a box that can lose what it carries.

The box does what was seen between functions on AWS: a fresh connection carries its first kilobytes and then
nothing more, without a reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter

from containers.rendezvous.connection import Client
from containers.rendezvous.server import RendezvousServer
from fmi.protocol.tcpunch import NO_FLAGS, Address, Request

REFUSES = Address("127.0.0.1", 1)
PIECE_BYTES = 4096


class MiddleboxServer(RendezvousServer):
    """Sends the first of each pair to a box instead of to its peer; the peer itself finds nobody.

    Args:
        stalls: so many connections of each pair stall.
        after_bytes: what such a connection carries before, both ways together.
    """

    def __init__(self, stalls: int, after_bytes: int) -> None:
        super().__init__()
        self._stalls = stalls
        self._after_bytes = after_bytes
        self._pairings: Counter[bytes] = Counter()
        self._boxes: set[asyncio.Task[None]] = set()

    @property
    def pairings(self) -> list[int]:
        """How often each pair met."""
        return list(self._pairings.values())

    def accept(self, client: Client, request: Request) -> None:
        waiter = self.waiting.get(request.name)
        if waiter and request.flags == NO_FLAGS:
            self._pairings[request.name] += 1
            stalls = self._pairings[request.name] <= self._stalls
            limit = self._after_bytes if stalls else None
            listener = socket.create_server(("127.0.0.1", 0))
            task = asyncio.get_running_loop().create_task(_carry(listener, client.public, limit))
            self._boxes.add(task)
            task.add_done_callback(self._boxes.discard)
            client.public = Address(*listener.getsockname())
            waiter.public = REFUSES
        super().accept(client, request)

    async def stop(self) -> None:
        for task in self._boxes:
            task.cancel()
        await asyncio.gather(*self._boxes, return_exceptions=True)
        await super().stop()


async def _carry(listener: socket.socket, to: Address, limit: int | None) -> None:
    """Connect the first who comes with `to`, until both are gone; nothing passes beyond the limit."""
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    with listener:
        left, _ = await loop.sock_accept(listener)
    with left:
        left.setblocking(False)
        with await _reach(to) as right:
            carried = Carried(limit)
            await asyncio.gather(_pass_on(left, right, carried), _pass_on(right, left, carried))


class Carried:
    """What still passes, in bytes."""

    def __init__(self, limit: int | None) -> None:
        self._left = limit

    def take(self, data: bytes) -> bytes:
        """As much of the data as passes."""
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data


async def _reach(to: Address) -> socket.socket:
    while True:
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, to)
        except BaseException as error:
            sock.close()
            if not isinstance(error, ConnectionRefusedError):  # the peer hears of the pairing a moment later
                raise
            await asyncio.sleep(0.001)
        else:
            return sock


async def _pass_on(source: socket.socket, target: socket.socket, carried: Carried) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await loop.sock_recv(source, PIECE_BYTES):
            await loop.sock_sendall(target, carried.take(data))
        target.shutdown(socket.SHUT_WR)
