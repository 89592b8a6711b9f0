"""Worlds of ranks in threads, and a rendezvous server beside them, all over real sockets."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

import fmi
from containers.rendezvous.limits import Limits
from containers.rendezvous.server import RendezvousServer
from fmi.protocol.tcpunch import Address
from fmi.transport.core import LIBRARY

T = TypeVar("T")
PATIENCE_S = 60.0
SECRET = "a shared secret of all tests"
BIG = 16 << 20  # bytes
REQUIRED = "COSMIC_REQUIRE_KERNELS"  # where there is a C compiler, as in .ci/run

needs_core = pytest.mark.skipif(
    os.environ.get("FMI_NATIVE") == "0" or not (LIBRARY.is_file() or os.environ.get(REQUIRED)),
    reason="fmi's core is not compiled here (no C compiler), or FMI_NATIVE is 0",
)


class ServerThread:
    """A rendezvous server on a loop of its own."""

    def __init__(self, port: int, limits: Limits | None, server: RendezvousServer | None) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = server or RendezvousServer("127.0.0.1", port, limits)
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.address: Address = self.call(self.server.start())

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def stop(self) -> None:
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


@contextmanager
def serving(
    port: int = 0, limits: Limits | None = None, server: RendezvousServer | None = None
) -> Iterator[ServerThread]:
    thread = ServerThread(port, limits, server)
    try:
        yield thread
    finally:
        thread.stop()


def quiet_address() -> Address:
    """A free port that no outgoing connection takes while nobody listens there.

    On one machine a client of a server that is away may otherwise be given the server's port for its own.
    """
    while True:
        address = Address("127.0.0.1", 20_000 + secrets.randbelow(12_000))
        with socket.socket() as sock:
            if sock.connect_ex(address):
                return address


def config_for(address: Address, secret: str = SECRET, /, **direct: int) -> dict[str, Any]:
    settings = {"enabled": "true", "host": address.host, "port": str(address.port), "peer_timeout": 20_000}
    return {"backends": {"Direct": {**settings, **direct}}, "secret": secret}


def open_files() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - the descriptor of the listing itself is counted alike


class World:
    """Ranks 0 to size - 1, each in its own thread while it runs something."""

    _names = iter(range(1_000_000))

    def __init__(self, size: int, where: Address | dict[str, Any], name: str = "", **direct: int) -> None:
        self.size = size
        self.name = name or f"world {next(self._names)}"
        self.config = config_for(where, **direct) if isinstance(where, Address) else where
        self.comms = [fmi.Communicator(rank, size, self.config, self.name) for rank in range(size)]
        self._pool = ThreadPoolExecutor(size)

    def start(
        self, body: Callable[[fmi.Communicator], T], comms: Sequence[fmi.Communicator] | None = None
    ) -> list[Future[T]]:
        """Have every rank, or those of the given communicators, run something."""
        return [self._pool.submit(body, comm) for comm in (self.comms if comms is None else comms)]

    def run(self, body: Callable[[fmi.Communicator], T]) -> list[T]:
        """What every rank returns; the first error is raised."""
        return [future.result(PATIENCE_S) for future in self.start(body)]

    def errors(self, body: Callable[[fmi.Communicator], object]) -> list[BaseException | None]:
        """What every rank raises."""
        return [future.exception(PATIENCE_S) for future in self.start(body)]

    def close(self) -> None:
        for future in [self._pool.submit(comm.close) for comm in self.comms]:
            future.result(PATIENCE_S)
        self._pool.shutdown()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
