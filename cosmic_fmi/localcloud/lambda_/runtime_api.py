"""The Lambda Runtime API (2018-06-01) of one environment, which awslambdaric polls.

Everybody on this machine reaches its port, web pages included. So each environment's API has a secret of its
own, and answers only who names it: see cosmic_fmi.localcloud.sandbox.runtime_address.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from cosmic_fmi.localcloud.sandbox.runtime_address import RuntimeAddress

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Event:
    """An invocation as the runtime gets it; `deadline_ms` is unix time in milliseconds."""

    request_id: str
    payload: bytes
    function_arn: str
    deadline_ms: int
    client_context: str | None = None


class RuntimeOwner(Protocol):
    """What the API calls; every method may be called from any thread."""

    def next_event(self, waiting: Callable[[], bool]) -> Event | None:
        """Block until there is an event, and take it if the caller is still `waiting`; None when it is not,
        or once the environment is closed.
        """

    def responded(self, request_id: str, payload: bytes, *, error: bool) -> bool:
        """Take an invocation's result; False when it is no longer wanted."""

    def init_failed(self, payload: bytes) -> None:
        """Take the error that kept the function from loading."""


class RuntimeApi:
    """An HTTP server on a free local port; the environment's process finds it by AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, owner: RuntimeOwner) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = owner
        self.address = RuntimeAddress(self._server.server_address[1])
        self._server.address = self.address
        threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="runtime-api", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: RuntimeOwner
    address: RuntimeAddress

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: what breaks a connection is the end of a process, which others report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet, at once: otherwise Nagle's algorithm adds 40 ms to every event.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        path = self._admitted_path()
        if path is None:
            self._refuse()
            return
        if path != f"{_PREFIX}invocation/next":
            self._answer(404, b"{}")
            return
        event = self.server.owner.next_event(self._waiting)
        if event is None:
            self.close_connection = True
            return
        trace = f"Root=1-{event.request_id[:8]}-{event.request_id.replace('-', '')[8:]}"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": trace,
        }
        if event.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = event.client_context
        self._answer(200, event.payload, headers)

    def do_POST(self) -> None:
        path = self._admitted_path()
        if path is None:
            self._refuse()
            return
        body = self._body()
        parts = path.removeprefix(_PREFIX).split("/")
        match parts:
            case ["init", "error"]:
                self.server.owner.init_failed(body)
                known = True
            case ["invocation", request_id, "response" | "error" as kind]:
                known = self.server.owner.responded(request_id, body, error=kind == "error")
            case _:
                known = False
        self._answer(
            202 if known else 400, b'{"status":"OK"}' if known else b'{"errorType":"InvalidRequestID"}'
        )

    def _admitted_path(self) -> str | None:
        """The path without the secret; None for who does not know it, and for every page of a browser."""
        address = self.server.address
        if self.headers.get("Origin") is not None:
            return None
        host = self.headers.get("Host", "")
        if _equal(host, address.by_name):
            return self.path
        secret, separator, rest = self.path.removeprefix("/").partition("/")
        known = _equal(secret, address.secret) and host == f"127.0.0.1:{address.port}"
        return separator + rest if known else None

    def _refuse(self) -> None:
        """Answer without having read a body, so that nothing more can come over this connection."""
        self.close_connection = True
        self._answer(403, b'{"errorType":"AccessDenied"}', {"Connection": "close"})

    def _waiting(self) -> bool:
        """Whether whoever asked is still there: who has hung up has closed the connection."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True  # the process was killed meanwhile

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the function's own log is what matters."""


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
