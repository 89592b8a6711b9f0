"""Clients of a rendezvous server over real sockets, and a server of a test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from containers.rendezvous.limits import Limits
from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Address, Response

PATIENCE_S = 60.0
Body = Callable[[RendezvousServer], Coroutine[Any, Any, None]]


def run(body: Body, limits: Limits | None = None) -> None:
    """Run a test against a server of its own; what asyncio would only log is an error."""

    async def main() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        async with RendezvousServer(limits=limits) as server:
            await asyncio.wait_for(body(server), PATIENCE_S)
        assert not unhandled
        assert not server.connections
        assert not server.waiting

    asyncio.run(main())


class Client:
    """A client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.address = Address(*writer.get_extra_info("sockname"))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def v1(self) -> Address:
        return tcpunch.decode_v1_response(await self.reader.readexactly(tcpunch.V1_RESPONSE_BYTES))

    async def v2(self) -> Response:
        return tcpunch.decode_v2_response(await self.reader.readexactly(tcpunch.V2_RESPONSE_BYTES))

    async def closed(self) -> bool:
        """Wait until the server closes; whether it said nothing more."""
        return not await self.reader.read()


@asynccontextmanager
async def connect(server: RendezvousServer) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    while not condition():
        await asyncio.sleep(0)
