"""What the server says to clients of either version, byte for byte, as the protocol has it."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from containers.rendezvous.server import RendezvousServer
from fmi.protocol.tcpunch import NOWHERE, Address, Status
from tests.containers.rendezvous.support.clients import Client, connect, run, until

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"
NO_ADDRESS = b"\x00\x00\x00\x00\x00\x00"


def v2(name: bytes, token: bytes = b"", flags: bytes = b"\x00\x00\x00\x00") -> bytes:
    """A request of version 2: 100 bytes, 37 bytes, 4 bytes."""
    return name + b"\x00" * (100 - len(name)) + token + b"\x00" * (37 - len(token)) + flags


def on_the_wire(address: Address) -> bytes:
    """4 and 2 bytes in network order."""
    return socket.inet_aton(address.host) + bytes([address.port >> 8, address.port & 255])


async def send_slowly(client: Client, request: bytes, size: int) -> None:
    client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(request), size):
        client.send(request[at : at + size])
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_version_1(size: int) -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            await send_slowly(one, b"fmi_pair0_1", size)
            assert await one.reader.readexactly(8) == on_the_wire(one.address) + b"\x00\x00"
            await send_slowly(two, b"fmi_pair0_1", size)
            both = on_the_wire(two.address) + b"\x00\x00" + on_the_wire(one.address) + b"\x00\x00"
            assert await two.reader.read(-1) == both
            assert await one.reader.read(-1) == on_the_wire(two.address) + b"\x00\x00"

    run(body)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_version_2(size: int) -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            await send_slowly(one, v2(b"fmi_pair0_1", TOKEN), size)
            waiting = b"\x00" + on_the_wire(one.address) + NO_ADDRESS + TOKEN + b"\x00"
            assert await one.reader.readexactly(50) == waiting
            await send_slowly(two, v2(b"fmi_pair0_1", b"t"), size)
            paired = b"\x01" + on_the_wire(one.address) + on_the_wire(two.address) + TOKEN + b"\x00"
            assert await one.reader.read(-1) == paired

    run(body)


def test_a_version_2_client_without_a_token_gets_one_to_come_back_with() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as before, connect(server) as again, connect(server) as other:
            before.send(v2(b"pair"))
            answer = await before.reader.readexactly(50)
            token = answer[13:49]
            assert len(token.replace(b"-", b"")) == 32
            assert answer[49:] == b"\x00"
            again.send(v2(b"pair", token))
            assert (await again.v2()).status is Status.WAITING
            assert await before.v2() == (Status.TIMEOUT, before.address, NOWHERE, token)
            other.send(v2(b"pair"))
            assert await again.v2() == (Status.PAIRED, again.address, other.address, token)
            given = [(await other.v2()).token, (await other.v2()).token]
            assert given[0] == given[1] != token

    run(body)


def test_a_client_that_was_paired_and_comes_back_waits_for_its_peer_and_not_for_itself() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            one.send(v2(b"pair", b"one"))
            await one.v2()
            two.send(v2(b"pair", b"two"))
            assert await one.v2()
        async with connect(server) as one, connect(server) as twice, connect(server) as two:
            for client in (one, twice):
                client.send(v2(b"pair", b"one"))
                assert (await client.v2()).status is Status.WAITING
            two.send(v2(b"pair", b"two"))
            assert (await twice.v2()).peer == two.address

    run(body)


@pytest.mark.parametrize("request_", [v2(b""), v2(b"pair", b"t" * 37)[:4] + b"\x00junk" + bytes(132)])
def test_a_version_2_request_that_is_none_is_an_error(request_: bytes) -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one:
            one.send(request_)
            error = b"\x03" + on_the_wire(one.address) + NO_ADDRESS + b"malformed request" + b"\x00" * 20
            assert await one.reader.read(-1) == error

    run(body)


def test_tokens_need_not_be_uuids() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one:
            one.send(v2(b"pair", b"\xff" * 37))
            assert (await one.reader.readexactly(50))[13:] == b"\xff" * 37

    run(body)


def test_flags_that_mean_nothing_here_are_a_pairing() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            one.send(v2(b"pair", flags=b"\x00\x00\x00\x01"))
            two.send(v2(b"pair", flags=b"\x01\x00\x00\x00"))
            assert (await two.v2()).status is Status.WAITING
            assert (await two.v2()).peer == one.address

    run(body)


@pytest.mark.parametrize("length", [101, 130, 141, 300])
def test_of_a_version_1_name_that_is_too_long_100_bytes_count(
    length: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as long, connect(server) as short:
            long.send(b"n" * length)
            assert await long.v1() == long.address
            short.send(b"n" * 100)
            assert await long.v1() == short.address

    with caplog.at_level(logging.WARNING, "rendezvous"):
        run(body)
    assert [record.getMessage() for record in caplog.records] == ["name cut"]


def test_a_name_of_100_bytes_is_one_of_either_version() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as one, connect(server) as two:
            one.send(b"n" * 100)
            await one.v1()
            two.send(v2(b"n" * 100, TOKEN))
            assert await one.v1() == two.address

    run(body)


def test_a_third_client_of_a_name_waits_for_a_fourth() -> None:
    async def body(server: RendezvousServer) -> None:
        async with (
            connect(server) as one,
            connect(server) as two,
            connect(server) as three,
            connect(server) as four,
        ):
            for client in (one, two, three):
                client.send(b"pair")
                assert await client.v1() == client.address
            assert await one.v1() == two.address
            await until(lambda: len(server.waiting) == 1)
            four.send(b"pair")
            assert await three.v1() == four.address

    run(body)


FOREIGN = [
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /",
    b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-scanner",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(200),
    b"name\n",
]


@pytest.mark.parametrize("request_", FOREIGN, ids=repr)
def test_another_protocol_is_no_pairing_and_keeps_no_idle_server(request_: bytes) -> None:
    async def body(server: RendezvousServer) -> None:
        before = server.idle_s
        async with connect(server) as one, connect(server) as two:
            for client in (one, two):
                client.send(request_)
            said = [await client.reader.read(-1) for client in (one, two)]
        assert all(len(answer) in (0, 50) for answer in said)
        assert all(answer[:1] in (b"", bytes([Status.ERROR])) for answer in said)
        assert server.metrics.value("pairs_total") == 0
        assert not server.waiting
        assert server.idle_s >= before

    run(body)
