"""How many a rendezvous server lets in, and for how long."""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack

import pytest

from containers.rendezvous.limits import Limits
from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Status
from tests.containers.rendezvous.support.clients import Client, connect, run, until

TIMED_OUT = bytes([Status.TIMEOUT])


@pytest.mark.parametrize(
    ("head", "status"), [(b"", b""), (tcpunch.encode_v2_request(b"pair")[:120], TIMED_OUT)]
)
def test_a_client_that_does_not_finish_its_request_is_dismissed_and_delays_nobody(
    head: bytes, status: bytes
) -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as silent, connect(server) as one, connect(server) as two:
            silent.send(head)
            await until(lambda: len(server.connections) == 3)
            one.send(b"pair")
            two.send(b"pair")
            await one.v1()
            assert await one.v1() == two.address
            assert (await silent.reader.read())[:1] == status

    run(body, Limits(request_s=0.1))


def test_a_waiter_is_dismissed_after_its_time() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as first, connect(server) as second:
            first.send(b"pair 1")
            second.send(tcpunch.encode_v2_request(b"pair 2"))
            await first.v1()
            await second.v2()
            assert await first.closed()
            assert (await second.v2()).status is Status.TIMEOUT

    run(body, Limits(waiting_s=0.1))


def test_no_more_clients_wait_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as first, connect(server) as second:
            first.send(tcpunch.encode_v2_request(b"pair 1"))
            await first.v2()
            second.send(tcpunch.encode_v2_request(b"pair 2"))
            response = await second.v2()
            assert (response.status, response.token) == (Status.ERROR, b"server full")

    run(body, Limits(waiting_clients=1))


def test_no_more_connections_come_from_one_address_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as first:
            await until(lambda: len(server.connections) == 1)
            async with connect(server) as second:
                assert await second.closed()
            first.send(b"pair")
            await first.v1()
        await until(lambda: not server.connections)
        async with connect(server) as third:  # the first one's place is free again
            third.send(b"pair")
            await third.v1()
        assert server.metrics.value("refused_total", "address") == 1

    run(body, Limits(connections_per_address=1))


def test_no_more_connections_are_open_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as first:
            await until(lambda: len(server.connections) == 1)
            async with connect(server) as second:
                assert await second.closed()
            first.send(b"pair")
            await first.v1()
        assert server.metrics.value("refused_total", "connections") == 1

    run(body, Limits(connections=1))


def test_a_full_server_still_pairs_those_it_has() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as first, connect(server) as second:
            first.send(tcpunch.encode_v2_request(b"pair"))
            await first.v2()
            second.send(tcpunch.encode_v2_request(b"pair"))
            await second.v2()
            assert (await second.v2()).peer == first.address

    run(body, Limits(waiting_clients=1))


@pytest.mark.parametrize("limits", [Limits(connections_per_address=5), Limits(connections=5)])
def test_those_who_wait_leave_room_for_their_peers(limits: Limits) -> None:
    async def body(server: RendezvousServer) -> None:
        async with AsyncExitStack() as stack:
            waiters = [await stack.enter_async_context(connect(server)) for _ in range(5)]
            for number, waiter in enumerate(waiters):
                waiter.send(tcpunch.encode_v2_request(b"pair %d" % number))
                response = await waiter.v2()
            assert (response.status, response.token) == (Status.ERROR, b"server full")
            assert await waiters[-1].closed()
            for number in range(4):
                peer = await stack.enter_async_context(connect(server))
                peer.send(tcpunch.encode_v2_request(b"pair %d" % number))
                await peer.v2()
                assert (await peer.v2()).peer == waiters[number].address
                assert await peer.closed()

    run(body, limits)


def test_a_thousand_clients_wait_side_by_side() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))

    async def body(server: RendezvousServer) -> None:
        opened = [await asyncio.open_connection(*server.address) for _ in range(1000)]
        clients = [Client(*streams) for streams in opened]
        for number, client in enumerate(clients):
            client.send(tcpunch.encode_v2_request(str(number % 500).encode(), str(number).encode()))
        for client in clients:
            await client.v2()
        peers = [(await client.v2()).peer for client in clients]
        assert all(peers[n] == clients[(n + 500) % 1000].address for n in range(1000))
        for client in clients:
            client.writer.close()

    run(body)
