"""Ten thousand waiting clients."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import struct
from collections.abc import Iterator

import psutil
import pytest

from fmi.protocol import tcpunch
from tests.containers.rendezvous.support.processes import PATIENCE_S, Server, server

CLIENTS = 10_000
ALLOWED_BYTES = 300_000_000
AT_ONCE = 500


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Room for the clients' ends of the connections in this process."""
    soft, hard = before = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = CLIENTS + 500
    if soft < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, hard)))
        except (ValueError, OSError):
            pytest.skip(f"{needed} open files are needed, and the hard limit of {hard} cannot be raised")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))


@contextlib.contextmanager
def client(it: Server, name: bytes) -> Iterator[socket.socket]:
    """A client that has sent its request; it leaves with a reset, so that no port stays in TIME_WAIT."""
    with socket.create_connection(("127.0.0.1", it.port), PATIENCE_S) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(tcpunch.encode_v2_request(name))
        yield sock


def answer(sock: socket.socket) -> tcpunch.Response:
    return tcpunch.decode_v2_response(sock.recv(tcpunch.V2_RESPONSE_BYTES, socket.MSG_WAITALL))


@pytest.mark.usefixtures("_many_files")
def test_ten_thousand_clients_wait_in_little_memory_and_hinder_nobody() -> None:
    with server("--max-connections-per-address", "20000") as it, contextlib.ExitStack() as crowd:
        for start in range(0, CLIENTS, AT_ONCE):
            names = [f"lonely {number}".encode() for number in range(start, start + AT_ONCE)]
            for sock in [crowd.enter_context(client(it, name)) for name in names]:
                assert answer(sock).status is tcpunch.Status.WAITING
        memory = psutil.Process(it.process.pid).memory_info().rss
        assert it.metrics()["rendezvous_waiting_for_a_peer"] == CLIENTS
        assert memory < ALLOWED_BYTES
        print(f"{CLIENTS} waiting clients: {memory / 1e6:.0f} MB")
        with client(it, b"a pair") as one:
            assert answer(one).status is tcpunch.Status.WAITING
            with client(it, b"a pair") as two:
                assert [answer(two).status, answer(two).status] == [
                    tcpunch.Status.WAITING,
                    tcpunch.Status.PAIRED,
                ]
                assert answer(one).status is tcpunch.Status.PAIRED
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(3 * PATIENCE_S) == 0
