"""The rendezvous server pairs clients of both protocol versions, and forgets those that are gone."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Response, Status
from tests.containers.rendezvous.support.clients import Client, connect, run, until


def test_two_version_1_clients_learn_each_others_address() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            one.send(b"pair")
            assert await one.v1() == one.address  # at once
            two.send(b"pair")
            assert await two.v1() == two.address
            assert (await one.v1(), await two.v1()) == (two.address, one.address)
            assert await one.closed()
            assert await two.closed()

    run(body)


def test_two_version_2_clients_learn_each_others_address() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            tokens = [str(uuid.uuid4()).encode() for _ in range(2)]
            one.send(tcpunch.encode_v2_request(b"pair", tokens[0]))
            assert await one.v2() == Response(Status.WAITING, one.address, tcpunch.NOWHERE, tokens[0])
            two.send(tcpunch.encode_v2_request(b"pair", tokens[1]))
            assert (await two.v2()).status is Status.WAITING
            assert await one.v2() == Response(Status.PAIRED, one.address, two.address, tokens[0])
            assert await two.v2() == Response(Status.PAIRED, two.address, one.address, tokens[1])
            assert await one.closed()
            assert await two.closed()

    run(body)


def test_the_two_versions_meet_on_one_port() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            one.send(b"pair")
            await one.v1()
            two.send(tcpunch.encode_v2_request(b"pair"))
            assert (await two.v2()).status is Status.WAITING
            assert (await two.v2()).peer == one.address
            assert await one.v1() == two.address

    run(body)


@pytest.mark.parametrize("length", [1, 99, 100])
@pytest.mark.parametrize("version", [1, 2])
def test_names_of_every_length_in_both_versions(length: int, version: int) -> None:
    async def body(server: RendezvousServer) -> None:
        name = b"n" * length
        request = name if version == 1 else tcpunch.encode_v2_request(name)
        async with connect(server) as one, connect(server) as two:
            one.send(request)
            two.send(request)
            await until(lambda: server.metrics.value("pairs_total") == 1)

    run(body)


def test_a_version_2_request_in_pieces_is_put_together() -> None:
    async def body(server: RendezvousServer) -> None:
        request = tcpunch.encode_v2_request(b"pair")
        async with connect(server) as one:
            for piece in (request[:10], request[10:101], request[101:]):
                one.send(piece)
                await one.writer.drain()
                await asyncio.sleep(0.001)
            assert (await one.v2()).status is Status.WAITING

    run(body)


def test_a_waiter_whose_connection_died_is_never_paired() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as corpse:
            corpse.send(b"pair")
            await corpse.v1()
        await until(lambda: not server.waiting)
        async with connect(server) as one, connect(server) as two:
            one.send(b"pair")
            await one.v1()
            two.send(b"pair")
            await two.v1()
            assert await one.v1() == two.address

    run(body)


def test_a_waiter_that_goes_in_the_moment_its_peer_comes_is_not_paired() -> None:
    request = tcpunch.encode_v2_request(b"pair")

    async def body(server: RendezvousServer) -> None:
        with socket.create_connection(server.address) as corpse:
            corpse.sendall(request)
            await until(lambda: bool(server.waiting))
            peer = socket.create_connection(server.address)
            await until(lambda: len(server.connections) == 2)
        with peer:  # both have happened when the server next looks
            peer.sendall(request)
            await until(lambda: server.metrics.value("requests_total", "v2") == 2)
            assert server.metrics.value("pairs_total") == 0
            assert len(server.waiting) == 1

    run(body)


def test_a_client_that_asks_again_replaces_itself() -> None:
    async def body(server: RendezvousServer) -> None:
        request = tcpunch.encode_v2_request(b"pair", b"its token")
        async with connect(server) as before, connect(server) as again, connect(server) as other:
            before.send(request)
            await before.v2()
            again.send(request)
            assert (await again.v2()).status is Status.WAITING
            assert (await before.v2()).status is Status.TIMEOUT
            other.send(tcpunch.encode_v2_request(b"pair", b"another"))
            assert (await again.v2()).peer == other.address

    run(body)


def test_stopping_dismisses_who_waits() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as silent:
            one.send(tcpunch.encode_v2_request(b"pair"))
            await one.v2()
            await until(lambda: len(server.connections) == 2)
            await server.stop()
            assert (await one.v2()).status is Status.TIMEOUT
            assert await silent.closed()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*one.writer.get_extra_info("peername"))

    run(body)


def test_only_worlds_keep_a_server_from_being_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    # Only the server's: the event loop needs the real one.
    monkeypatch.setattr("containers.rendezvous.server.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def body(server: RendezvousServer) -> None:
        async def after(ask: Callable[[Client], Coroutine[Any, Any, Any]], request: bytes) -> float:
            clock[0] += 100
            async with connect(server) as client:
                client.send(request)
                await ask(client)
            return server.idle_s

        # Whoever looks for open ports on the internet says something like this.
        assert await after(lambda client: client.reader.read(-1), b"GET / HTTP/1.0") == 100
        assert await after(Client.v1, b"anything else") == 200
        assert await after(Client.v2, tcpunch.encode_v2_request(b"name", flags=tcpunch.FLAG_NOTIFY)) == 0
        async with connect(server) as first, connect(server) as second:
            clock[0] += 100
            for client in (first, second):
                client.send(b"pair")
                await client.v1()
            assert server.idle_s == 0

    run(body)


def test_a_notification_reaches_who_subscribed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as too_early, connect(server) as subscriber, connect(server) as notifier:
            too_early.send(tcpunch.encode_v2_request(b"bell", b"1", tcpunch.FLAG_NOTIFY))
            assert await too_early.v2()
            subscriber.send(tcpunch.encode_v2_request(b"bell", flags=tcpunch.FLAG_LISTEN))
            assert (await subscriber.v2()).token == b""
            notifier.send(tcpunch.encode_v2_request(b"bell", b"7", tcpunch.FLAG_NOTIFY))
            assert (await subscriber.v2()).token == b"7"
            assert await notifier.v2()
            assert await notifier.closed()

    run(body)
