"""A rendezvous server that is not there, or is something else, is an error within seconds."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import fmi
from fmi.protocol.tcpunch import Address
from fmi.rendezvous.retry_limit import FIRST_ANSWER_S
from tests.containers.rendezvous.support.processes import server as server_process
from tests.fmi.support.worlds import PATIENCE_S, World, quiet_address

INT = fmi.types(fmi.datatypes.int)
# A host beside which there is no other one; RFC 6761 keeps it from ever resolving.
NOWHERE = Address("rendezvous.invalid", 10000)
LIMIT_MS = 1000


@contextmanager
def http_server() -> Iterator[Address]:
    """It waits for the end of a line, which never comes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Address("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join(PATIENCE_S)


@contextmanager
def silent_server() -> Iterator[Address]:
    """Connections are made, and nothing comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as sock:
        yield Address(*sock.getsockname())


@contextmanager
def talking_server(word: bytes) -> Iterator[Address]:
    """It says its word to everyone who comes, as SSH and databases do, and hangs up."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as sock:

        def serve() -> None:
            while True:
                with closing(sock.accept()[0]) as client:
                    if client.recv(1) == b"!":
                        return
                    client.sendall(word)

        thread = threading.Thread(target=serve)
        thread.start()
        address = Address(*sock.getsockname())
        yield address
        with socket.create_connection(address) as last:
            last.sendall(b"!")
        thread.join(PATIENCE_S)


@contextmanager
def nobody() -> Iterator[Address]:
    yield quiet_address()


@contextmanager
def no_name() -> Iterator[Address]:
    yield NOWHERE


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (no_name, "its name does not resolve"),
        (nobody, "cannot reach"),
        (silent_server, "did not answer"),
        (http_server, "did not answer"),
    ],
)
def test_an_address_that_never_answers_is_an_error_within_the_limit(place: object, words: str) -> None:
    assert callable(place)
    with place() as address:
        started = time.monotonic()
        with World(4, address, max_timeout=LIMIT_MS) as everyone:
            errors = everyone.errors(lambda comm: comm.allreduce(1, fmi.SUM, INT))
        assert time.monotonic() - started < 10 * LIMIT_MS / 1000
    for error in errors:
        assert isinstance(error, fmi.RendezvousError)
        assert words in str(error)
        assert f"{address.host}:{address.port}" in str(error)
        assert "RENDEZVOUS_HOST" in str(error)


@pytest.mark.parametrize("word", [b"SSH-2.0-example\r\n", b"HTTP/1.1 400 Bad Request\r\n" + b"-" * 100])
def test_another_programs_answer_is_an_error_at_once(word: bytes) -> None:
    with talking_server(word) as address, World(2, address) as everyone:
        started = time.monotonic()
        errors = everyone.errors(lambda comm: comm.barrier())
        assert time.monotonic() - started < FIRST_ANSWER_S
    for error in errors:
        assert isinstance(error, fmi.RendezvousError)
        assert "is no rendezvous server: it said" in str(error)


def test_ten_seconds_are_the_limit_where_the_configuration_says_nothing() -> None:
    started = time.monotonic()
    with World(2, quiet_address()) as everyone:
        errors = everyone.errors(lambda comm: comm.barrier())
    assert FIRST_ANSWER_S <= time.monotonic() - started < 2.5 * FIRST_ANSWER_S
    assert all(isinstance(error, fmi.RendezvousError) for error in errors)


def test_a_server_that_answered_and_went_away_is_a_timeout() -> None:
    """Which another attempt may mend, as a server can be replaced."""
    address = quiet_address()
    with World(3, address, setup_timeout=LIMIT_MS) as everyone:
        with server_process("--port", str(address.port)) as it:
            everyone.run(
                lambda comm: comm.send(1, 1, INT) if comm.rank == 0 else comm.rank == 1 and comm.recv(0, INT)
            )
            it.process.kill()
        errors = everyone.errors(lambda comm: comm.barrier())
    assert any(isinstance(error, fmi.Timeout) for error in errors)
    assert not any(isinstance(error, fmi.RendezvousError) for error in errors)
