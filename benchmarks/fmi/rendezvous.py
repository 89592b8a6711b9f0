"""The rendezvous server on a free port, which it prints; ends on SIGTERM."""

from __future__ import annotations

import asyncio

from containers.rendezvous.server import RendezvousServer


async def serve() -> None:
    """Serve until the process is ended."""
    async with RendezvousServer("127.0.0.1", 0) as server:
        print(server.address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
