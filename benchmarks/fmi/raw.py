"""A Python TCP socket between two processes: what there is below every library written in Python."""

from __future__ import annotations

import socket
import time

from benchmarks.fmi.system import Step, System
from fmi.transport.connection import set_options

PATIENCE_S = 20.0


class Raw(System):
    """Blocking calls: `sendall`, and `recv_into` that waits for everything."""

    sock: socket.socket | None = None

    def set_up(self, name: str, port: int) -> None:  # noqa: ARG002 - a port is name enough
        """The first rank listens, the second connects; the socket has the options that FMI's have."""
        if self.rank == 0:
            with socket.create_server(("127.0.0.1", port)) as server:
                server.settimeout(PATIENCE_S)
                self.sock, _ = server.accept()
        else:
            self.sock = self._connect(port)
        self.sock.setblocking(True)
        set_options(self.sock)

    def _connect(self, port: int) -> socket.socket:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise

    @property
    def connection(self) -> socket.socket:
        """The socket."""
        assert self.sock is not None  # noqa: S101 - set up before anything is measured
        return self.sock

    def barrier(self) -> None:
        """A byte each way."""
        self.connection.sendall(b"b")
        self.connection.recv(1, socket.MSG_WAITALL)

    def close(self) -> None:
        """Close the socket."""
        if self.sock:
            self.sock.close()

    def prepare(self, operation: str, nbytes: int) -> Step:
        """There and back."""
        if operation != "pingpong":
            raise ValueError(f"a socket has no {operation}")
        data = memoryview(bytearray(nbytes))

        def first() -> None:
            self.send(data)
            self.receive(data)

        def second() -> None:
            self.receive(data)
            self.send(data)

        return first if self.rank == 0 else second

    def send(self, data: memoryview) -> None:
        """Send all."""
        self.connection.sendall(data)

    def receive(self, into: memoryview) -> None:
        """Fill the buffer."""
        while into:
            into = into[self.connection.recv_into(into, 0, socket.MSG_WAITALL) :]


class SpinningRaw(Raw):
    """Calls that return at once, again and again until everything is through."""

    def send(self, data: memoryview) -> None:
        """Send all."""
        while data:
            try:
                data = data[self.connection.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue

    def receive(self, into: memoryview) -> None:
        """Fill the buffer."""
        while into:
            try:
                into = into[self.connection.recv_into(into, 0, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
