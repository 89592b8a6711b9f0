"""An S3 with one object, whose connections break half way through its body as often as is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class BreakingS3(ThreadingHTTPServer):
    """Answers every GET and HEAD with the content; `breaks` is how many of the next GETs end too early."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.breaks = 0
        self.gets = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: BreakingS3

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.send_header("ETag", '"the only version"')
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.server.gets += 1
        content = self.server.content
        if self.server.breaks:
            self.server.breaks -= 1
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def breaking_s3(content: bytes) -> Iterator[BreakingS3]:
    """Serve the object for as long as the block runs."""
    with BreakingS3(content) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
