"""The rendezvous server over real sockets: both protocol versions, dead, slow, silent and mad clients."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers.rendezvous.limits import Limits
from containers.rendezvous.notes import Notes
from containers.rendezvous.server import RendezvousServer
from fmi import wire
from fmi.wire import Address, Response, Status

PATIENCE_S = 10.0
Body = Callable[[RendezvousServer], Coroutine[Any, Any, None]]


def run(body: Body, limits: Limits | None = None) -> None:
    """Run a test against a server of its own; what asyncio would only log is an error."""

    async def main() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        async with RendezvousServer(limits=limits) as server:
            await asyncio.wait_for(body(server), PATIENCE_S)
        assert not unhandled
        assert not server.connections
        assert not server.waiting

    asyncio.run(main())


class Visitor:
    """A client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.address = Address(*writer.get_extra_info("sockname"))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def v1(self) -> Address:
        return wire.decode_v1_response(await self.reader.readexactly(wire.V1_RESPONSE_BYTES))

    async def v2(self) -> Response:
        return wire.decode_v2_response(await self.reader.readexactly(wire.V2_RESPONSE_BYTES))

    async def closed(self) -> bool:
        """Wait until the server closes; whether it said nothing more."""
        return not await self.reader.read()


@asynccontextmanager
async def visit(server: RendezvousServer) -> AsyncIterator[Visitor]:
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        yield Visitor(reader, writer)
    finally:
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    while not condition():
        await asyncio.sleep(0)


def test_two_version_1_clients_learn_each_others_address() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as one, visit(server) as two:
            one.say(b"pair")
            assert await one.v1() == one.address  # at once
            two.say(b"pair")
            assert await two.v1() == two.address
            assert (await one.v1(), await two.v1()) == (two.address, one.address)
            assert await one.closed()
            assert await two.closed()

    run(body)


def test_two_version_2_clients_learn_each_others_address() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as one, visit(server) as two:
            tokens = [str(uuid.uuid4()).encode() for _ in range(2)]
            one.say(wire.encode_v2_request(b"pair", tokens[0]))
            assert await one.v2() == Response(Status.WAITING, one.address, wire.NOWHERE, tokens[0])
            two.say(wire.encode_v2_request(b"pair", tokens[1]))
            assert (await two.v2()).status is Status.WAITING
            assert await one.v2() == Response(Status.PAIRED, one.address, two.address, tokens[0])
            assert await two.v2() == Response(Status.PAIRED, two.address, one.address, tokens[1])
            assert await one.closed()
            assert await two.closed()

    run(body)


def test_the_two_versions_meet_on_one_port() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as one, visit(server) as two:
            one.say(b"pair")
            await one.v1()
            two.say(wire.encode_v2_request(b"pair"))
            assert (await two.v2()).status is Status.WAITING
            assert (await two.v2()).peer == one.address
            assert await one.v1() == two.address

    run(body)


@pytest.mark.parametrize("length", [1, 99, 100])
@pytest.mark.parametrize("version", [1, 2])
def test_names_of_every_length_in_both_versions(length: int, version: int) -> None:
    async def body(server: RendezvousServer) -> None:
        name = b"n" * length
        request = name if version == 1 else wire.encode_v2_request(name)
        async with visit(server) as one, visit(server) as two:
            one.say(request)
            two.say(request)
            await until(lambda: server.metrics.value("pairs_total") == 1)

    run(body)


def test_a_version_2_request_in_pieces_is_put_together() -> None:
    async def body(server: RendezvousServer) -> None:
        request = wire.encode_v2_request(b"pair")
        async with visit(server) as one:
            for piece in (request[:10], request[10:101], request[101:]):
                one.say(piece)
                await one.writer.drain()
                await asyncio.sleep(0.001)
            assert (await one.v2()).status is Status.WAITING

    run(body)


def test_a_waiter_whose_connection_died_is_never_paired() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as corpse:
            corpse.say(b"pair")
            await corpse.v1()
        await until(lambda: not server.waiting)
        async with visit(server) as one, visit(server) as two:
            one.say(b"pair")
            await one.v1()
            two.say(b"pair")
            await two.v1()
            assert await one.v1() == two.address

    run(body)


def test_a_waiter_that_goes_in_the_moment_its_peer_comes_is_not_paired() -> None:
    request = wire.encode_v2_request(b"pair")

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
        request = wire.encode_v2_request(b"pair", b"its token")
        async with visit(server) as before, visit(server) as again, visit(server) as other:
            before.say(request)
            await before.v2()
            again.say(request)
            assert (await again.v2()).status is Status.WAITING
            assert (await before.v2()).status is Status.TIMEOUT
            other.say(wire.encode_v2_request(b"pair", b"another"))
            assert (await again.v2()).peer == other.address

    run(body)


def test_a_note_reaches_who_waits_and_who_comes_later() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as waits, visit(server) as aborts, visit(server) as later:
            waits.say(wire.encode_v2_request(b"pair", b"t"))
            await waits.v2()
            aborts.say(wire.encode_v2_request(b"pair", b"2:broken", wire.FLAG_ABORT))
            await aborts.v2()
            later.say(wire.encode_v2_request(b"pair", b"u"))
            for client in (waits, later):
                response = await client.v2()
                assert (response.status, response.token) == (Status.ERROR, b"2:broken")

    run(body)


def test_notes_are_few_and_forgotten() -> None:
    notes = Notes(2, 60)
    for name in (b"a", b"b", b"c"):
        notes.add(name, b"text")
    notes.add(b"c", b"a later one")
    assert [notes.find(name) for name in (b"a", b"b", b"c")] == [None, b"text", b"text"]
    brief = Notes(2, 0)
    brief.add(b"a", b"text")
    assert brief.find(b"a") is None


def test_rings_are_passed_on_to_who_listens() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as too_early, visit(server) as bell, visit(server) as ring:
            too_early.say(wire.encode_v2_request(b"bell", b"1", wire.FLAG_RING))
            assert await too_early.v2()
            bell.say(wire.encode_v2_request(b"bell", flags=wire.FLAG_BELL))
            assert (await bell.v2()).token == b""
            ring.say(wire.encode_v2_request(b"bell", b"7", wire.FLAG_RING))
            assert (await bell.v2()).token == b"7"
            assert await ring.v2()
            assert await ring.closed()

    run(body)


@pytest.mark.parametrize("head", [b"", wire.encode_v2_request(b"pair")[:120]])
def test_a_client_that_does_not_finish_its_request_is_dismissed_and_delays_nobody(head: bytes) -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as silent, visit(server) as one, visit(server) as two:
            silent.say(head)
            await until(lambda: len(server.connections) == 3)
            one.say(b"pair")
            two.say(b"pair")
            await one.v1()
            assert await one.v1() == two.address
            assert await silent.closed()

    run(body, Limits(request_s=0.1))


def test_a_waiter_is_dismissed_after_its_time() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as first, visit(server) as second:
            first.say(b"pair 1")
            second.say(wire.encode_v2_request(b"pair 2"))
            await first.v1()
            await second.v2()
            assert await first.closed()
            assert (await second.v2()).status is Status.TIMEOUT

    run(body, Limits(waiting_s=0.1))


def test_no_more_clients_wait_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as first, visit(server) as second:
            first.say(wire.encode_v2_request(b"pair 1"))
            await first.v2()
            second.say(wire.encode_v2_request(b"pair 2"))
            response = await second.v2()
            assert (response.status, response.token) == (Status.ERROR, b"server full")

    run(body, Limits(waiting_clients=1))


def test_no_more_connections_come_from_one_address_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as first:
            await until(lambda: len(server.connections) == 1)
            async with visit(server) as second:
                assert await second.closed()
            first.say(b"pair")
            await first.v1()
        await until(lambda: not server.connections)
        async with visit(server) as third:  # the first one's place is free again
            third.say(b"pair")
            await third.v1()
        assert server.metrics.value("refused_total", "address") == 1

    run(body, Limits(connections_per_address=1))


def test_no_more_connections_are_open_than_are_allowed() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as first:
            await until(lambda: len(server.connections) == 1)
            async with visit(server) as second:
                assert await second.closed()
            first.say(b"pair")
            await first.v1()
        assert server.metrics.value("refused_total", "connections") == 1

    run(body, Limits(connections=1))


def test_a_full_server_still_pairs_those_it_has() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as first, visit(server) as second:
            first.say(wire.encode_v2_request(b"pair"))
            await first.v2()
            second.say(wire.encode_v2_request(b"pair"))
            await second.v2()
            assert (await second.v2()).peer == first.address

    run(body, Limits(waiting_clients=1))


@pytest.mark.parametrize("limits", [Limits(connections_per_address=5), Limits(connections=5)])
def test_those_who_wait_leave_room_for_their_peers(limits: Limits) -> None:
    async def body(server: RendezvousServer) -> None:
        async with AsyncExitStack() as stack:
            waiters = [await stack.enter_async_context(visit(server)) for _ in range(5)]
            for number, waiter in enumerate(waiters):
                waiter.say(wire.encode_v2_request(b"pair %d" % number))
                response = await waiter.v2()
            assert (response.status, response.token) == (Status.ERROR, b"server full")
            assert await waiters[-1].closed()
            for number in range(4):
                peer = await stack.enter_async_context(visit(server))
                peer.say(wire.encode_v2_request(b"pair %d" % number))
                await peer.v2()
                assert (await peer.v2()).peer == waiters[number].address
                assert await peer.closed()

    run(body, limits)


def test_stopping_dismisses_who_waits() -> None:
    async def body(server: RendezvousServer) -> None:
        async with visit(server) as one, visit(server) as silent:
            one.say(wire.encode_v2_request(b"pair"))
            await one.v2()
            await until(lambda: len(server.connections) == 2)
            await server.stop()
            assert (await one.v2()).status is Status.TIMEOUT
            assert await silent.closed()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*one.writer.get_extra_info("peername"))

    run(body)


def spoil(request: bytes, at: int, junk: bytes) -> bytes:
    """A request with some of its bytes replaced."""
    at %= len(request)
    return (request[:at] + junk + request[at + len(junk) :])[:300]


names = st.binary(min_size=1, max_size=100).filter(lambda name: b"\0" not in name)
tokens = st.binary(max_size=36).filter(lambda token: b"\0" not in token)
flags = st.sampled_from([wire.NO_FLAGS, wire.FLAG_ABORT, wire.FLAG_BELL, wire.FLAG_RING]) | st.binary(
    min_size=4, max_size=4
)
requests = st.builds(wire.encode_v2_request, names | st.just(b"x"), tokens, flags)
mad = st.binary(min_size=1, max_size=300) | requests | st.builds(spoil, requests, st.integers(0), st.binary())


@settings(max_examples=60, deadline=None)
@given(st.lists(mad, min_size=1, max_size=8), st.booleans())
def test_mad_clients_are_survived_and_an_honest_pair_still_meets(pieces: list[bytes], at_once: bool) -> None:
    async def body(server: RendezvousServer) -> None:
        logging.getLogger("rendezvous").setLevel(logging.ERROR)
        async with AsyncExitStack() as stack:
            for piece in pieces:
                visitor = await stack.enter_async_context(visit(server))
                visitor.say(piece)
                if len(piece) % 2:
                    visitor.writer.write_eof()
                if not at_once:
                    await stack.aclose()
            one, two = [await stack.enter_async_context(visit(server)) for _ in range(2)]
            for honest in (one, two):
                honest.say(wire.encode_v2_request(b"an honest pair"))
            assert (await one.v2()).status is Status.WAITING
            assert (await one.v2()).peer == two.address

    run(body)


def test_a_thousand_clients_wait_side_by_side() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))

    async def body(server: RendezvousServer) -> None:
        opened = [await asyncio.open_connection(*server.address) for _ in range(1000)]
        clients = [Visitor(*streams) for streams in opened]
        for number, client in enumerate(clients):
            client.say(wire.encode_v2_request(str(number % 500).encode(), str(number).encode()))
        for client in clients:
            await client.v2()
        peers = [(await client.v2()).peer for client in clients]
        assert all(peers[n] == clients[(n + 500) % 1000].address for n in range(1000))
        for client in clients:
            client.writer.close()

    run(body)


def test_only_worlds_keep_a_server_from_being_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    # Only the server's: the event loop needs the real one.
    monkeypatch.setattr("containers.rendezvous.server.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def body(server: RendezvousServer) -> None:
        async def after(ask: Callable[[Visitor], Coroutine[Any, Any, Any]], request: bytes) -> float:
            clock[0] += 100
            async with visit(server) as visitor:
                visitor.say(request)
                await ask(visitor)
            return server.idle_s

        # Whoever looks for open ports on the internet says something like this.
        assert await after(Visitor.v1, b"GET / HTTP/1.0") == 100
        assert await after(Visitor.v2, wire.encode_v2_request(b"name", flags=wire.FLAG_RING)) == 0
        async with visit(server) as first, visit(server) as second:
            clock[0] += 100
            for visitor in (first, second):
                visitor.say(b"pair")
                await visitor.v1()
            assert server.idle_s == 0

    run(body)
