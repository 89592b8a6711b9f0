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
from prometheus_client.parser import text_string_to_metric_families

from containers.rendezvous import monitor as module
from containers.rendezvous.logs import LINES_A_PERIOD, PERIOD_S, Throttle
from containers.rendezvous.metrics import Metrics
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


def test_prometheus_reads_every_metric_with_its_explanation() -> None:
    metrics = Metrics()
    metrics.count("requests_total", "v2")
    metrics.count_pair(0.5)
    text = metrics.render({"open_connections": 3})
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) == text.count("# TYPE")
    assert all(family.documentation for family in families)
    values = {(each.name, *each.labels.items()): each.value for family in families for each in family.samples}
    assert values["rendezvous_open_connections",] == 3
    assert values["rendezvous_requests_total", ("kind", "v2")] == 1
    assert values["rendezvous_requests_total", ("kind", "v1")] == 0
    assert values["rendezvous_wait_seconds_sum",] == 0.5
    assert values["rendezvous_wait_seconds_count",] == 1
    with pytest.raises(ValueError, match="no reason 'mood'"):
        metrics.count("refused_total", "mood")


def test_a_flood_of_one_event_is_cut_short_and_counted() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)

    def log(event: str, level: int = logging.INFO) -> logging.LogRecord | None:
        record = logging.LogRecord("rendezvous", level, "", 0, event, (), None)
        return record if throttle.filter(record) else None

    assert sum(log("refused") is not None for _ in range(100)) == LINES_A_PERIOD
    assert log("listening")
    assert log("cannot accept", logging.ERROR)
    now = PERIOD_S
    assert "left_out" not in vars(log("listening") or pytest.fail())
    later = log("refused")
    assert later is not None
    assert vars(later)["left_out"] == 100 - LINES_A_PERIOD
    assert "left_out" not in vars(log("listening") or pytest.fail())
