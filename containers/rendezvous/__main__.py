"""`python -m containers.rendezvous`: run the server, or check one (for the container's HEALTHCHECK)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import resource
import secrets
import signal
import socket
import sys

from containers.rendezvous.connection import Limits
from containers.rendezvous.server import RendezvousServer
from fmi.wire import V1_RESPONSE_BYTES, encode_v1_request

DEFAULT_PORT = 10000
CHECK_TIMEOUT_S = 3.0


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event and the fields given as `extra`."""

    _standard = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {"time": self.formatTime(record), "level": record.levelname, "event": record.getMessage()}
        entry |= {key: value for key, value in vars(record).items() if key not in self._standard}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line, with the port also from the environment variable PORT."""
    parser = argparse.ArgumentParser(prog="python -m containers.rendezvous", description=__doc__)
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - public
    parser.add_argument(
        "--port", type=int, default=os.environ.get("PORT") or DEFAULT_PORT, help="0: any free"
    )
    parser.add_argument(
        "--max-waiting", type=int, default=Limits.waiting_clients, help="clients that may wait"
    )
    parser.add_argument(
        "--check", action="store_true", help="ask the server on this host and port for its answer"
    )
    return parser.parse_args(argv)


def check(port: int) -> bool:
    """Whether a server on this machine answers a request as it should."""
    name = b"health-" + secrets.token_hex(16).encode()
    try:
        with socket.create_connection(("127.0.0.1", port), CHECK_TIMEOUT_S) as sock:
            sock.sendall(encode_v1_request(name))
            return len(sock.recv(V1_RESPONSE_BYTES, socket.MSG_WAITALL)) == V1_RESPONSE_BYTES
    except OSError:
        return False


def allow_many_connections() -> None:
    """Raise the limit of open files as far as this process may: every waiting client holds one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS reports a hard limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(host: str, port: int, limits: Limits) -> None:
    """Run until SIGTERM or SIGINT; the line on stdout tells that the port is open."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with RendezvousServer(host, port, limits) as server:
        print(f"rendezvous server listening on {server.address}", flush=True)
        await stopped.wait()


def main(argv: list[str] | None = None) -> int:
    """Exit status 0 after a graceful stop, 1 when the port cannot be had or the check fails."""
    arguments = parse_arguments(argv)
    if arguments.check:
        return 0 if check(arguments.port) else 1
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    allow_many_connections()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO").upper(), handlers=[handler])
    try:
        asyncio.run(serve(arguments.host, arguments.port, Limits(waiting_clients=arguments.max_waiting)))
    except OSError as error:
        print(
            f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror or error}", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
