"""The second port over real sockets: what it answers, and how little it lets itself be bothered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers.rendezvous import monitor as module
from containers.rendezvous.monitor import CONNECTIONS, REQUEST_BYTES, Monitor
from containers.rendezvous.server import RendezvousServer

PATIENCE_S = 60.0
Body = Callable[[RendezvousServer, Monitor], Coroutine[Any, Any, None]]


def run(body: Body) -> None:
    """Run a test against a server with its monitor; what asyncio would only log is an error."""

    async def main() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        server = RendezvousServer()
        monitor = Monitor("127.0.0.1", 0, health=server.health, metrics=server.render_metrics)
        async with monitor, server:
            await asyncio.wait_for(body(server, monitor), PATIENCE_S)
        assert not unhandled

    asyncio.run(main())


async def ask(monitor: Monitor, request: bytes) -> bytes:
    """Everything that comes back."""
    reader, writer = await asyncio.open_connection(*monitor.address)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /healthz HTTP/1.1", b"200 OK"),
        (b"GET /metrics?all HTTP/1.0", b"200 OK"),
        (b"HEAD /metrics HTTP/1.1", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
    ],
)
def test_its_pages(request_line: bytes, status: bytes) -> None:
    async def body(_: RendezvousServer, monitor: Monitor) -> None:
        answer = await ask(monitor, request_line + b"\r\nHost: here\r\n\r\n")
        head, text = answer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 " + status)
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        assert len(text) == (0 if request_line.startswith(b"HEAD") else length)

    run(body)


def test_it_is_not_well_once_the_server_has_stopped() -> None:
    async def body(server: RendezvousServer, monitor: Monitor) -> None:
        await server.stop()
        assert b"503" in (await ask(monitor, b"GET /healthz HTTP/1.1\r\n\r\n")).splitlines()[0]

    run(body)


def test_silent_clients_are_few_and_leave_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE_S", 0.2)

    async def body(_: RendezvousServer, monitor: Monitor) -> None:
        silent = [await asyncio.open_connection(*monitor.address) for _ in range(CONNECTIONS + 20)]
        for reader, writer in silent:  # those that are too many at once, the others at their deadline
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert b"200 OK" in await ask(monitor, b"GET /healthz HTTP/1.1\r\n\r\n")

    run(body)


@pytest.mark.parametrize(
    "request_", [b"x" * (REQUEST_BYTES * 3), b"GET /metrics SPDY/3\r\n\r\n", b"\r\n\r\n"]
)
def test_what_is_no_short_request_gets_no_answer(request_: bytes) -> None:
    async def body(_: RendezvousServer, monitor: Monitor) -> None:
        assert await ask(monitor, request_) == b""

    run(body)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_random_bytes_are_survived(pieces: list[bytes]) -> None:
    async def body(_: RendezvousServer, monitor: Monitor) -> None:
        logging.getLogger("rendezvous").setLevel(logging.ERROR)
        for piece in pieces:
            await ask(monitor, piece + b"\r\n\r\n")
        assert b"200 OK" in await ask(monitor, b"GET /healthz HTTP/1.1\r\n\r\n")

    run(body)
