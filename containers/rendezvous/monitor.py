"""The second port: `/healthz` and `/metrics` over HTTP, for this host's own health check and collector.

It is meant for the loopback address. Should it be reachable from elsewhere, a client can still do no harm:
there are few connections at a time, each with one deadline and one short request.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
from collections.abc import Callable
from types import TracebackType

from containers.rendezvous.metrics import CONTENT_TYPE
from containers.rendezvous.ports import listen
from fmi.protocol.tcpunch import Address

log = logging.getLogger("rendezvous")

REQUEST_BYTES = 4096
DEADLINE_S = 5.0
CONNECTIONS = 16

Answer = tuple[http.HTTPStatus, str, str]


class Monitor:
    """Answers GET and HEAD on two paths; use as an async context manager.

    Args:
        host, port: where; port 0 takes any free port.
        health: says whether the server takes clients, and a few figures.
        metrics: the Prometheus text.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        health: Callable[[], tuple[bool, dict[str, int]]],
        metrics: Callable[[], str],
    ) -> None:
        self._wanted = (host, port)
        self._health = health
        self._metrics = metrics
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the monitor is not running")
        return Address(*self._server.sockets[0].getsockname()[:2])

    async def __aenter__(self) -> Monitor:
        host, port = self._wanted
        listener = listen(host, port, CONNECTIONS)
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=REQUEST_BYTES)
        log.info("monitoring", extra={"address": str(self.address)})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:  # left to the loop's end they would be cancelled, which asyncio logs as errors
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - tells mypy that asyncio runs this as a task
        self._open[task] = writer
        try:
            if len(self._open) <= CONNECTIONS:
                async with asyncio.timeout(DEADLINE_S):
                    await self._answer(reader, writer)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # slow, silent, too long, or gone: not worth an answer
        finally:
            writer.close()
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(DEADLINE_S):
                    await writer.wait_closed()
            del self._open[task]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.partition(b" ")
        path, _, version = rest.partition(b"\r\n")[0].partition(b" ")
        if not version.startswith(b"HTTP/1."):
            return
        status, kind, body = self._page(method, path.partition(b"?")[0])
        text = body.encode()
        writer.write(
            f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + (b"" if method == b"HEAD" else text)
        )
        await writer.drain()

    def _page(self, method: bytes, path: bytes) -> Answer:
        plain = "text/plain; charset=utf-8"
        if method not in (b"GET", b"HEAD"):
            return http.HTTPStatus.METHOD_NOT_ALLOWED, plain, "only GET and HEAD\n"
        if path == b"/metrics":
            return http.HTTPStatus.OK, CONTENT_TYPE, self._metrics()
        if path == b"/healthz":
            healthy, figures = self._health()
            status = http.HTTPStatus.OK if healthy else http.HTTPStatus.SERVICE_UNAVAILABLE
            answer = {"status": "ok" if healthy else "not accepting", **figures}
            return status, "application/json", json.dumps(answer) + "\n"
        return http.HTTPStatus.NOT_FOUND, plain, "there are /healthz and /metrics\n"
