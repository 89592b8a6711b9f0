"""Clients that send anything at all harm nobody else."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Status
from tests.containers.rendezvous.support.clients import connect, run


def spoil(request: bytes, at: int, junk: bytes) -> bytes:
    """A request with some of its bytes replaced."""
    at %= len(request)
    return (request[:at] + junk + request[at + len(junk) :])[:300]


names = st.binary(min_size=1, max_size=100).filter(lambda name: b"\0" not in name)
tokens = st.binary(max_size=36).filter(lambda token: b"\0" not in token)
flags = st.sampled_from(
    [tcpunch.NO_FLAGS, tcpunch.FLAG_ABORT, tcpunch.FLAG_LISTEN, tcpunch.FLAG_NOTIFY]
) | st.binary(min_size=4, max_size=4)
requests = st.builds(tcpunch.encode_v2_request, names | st.just(b"x"), tokens, flags)
notes = st.builds(tcpunch.encode_note_request, names, st.binary(max_size=tcpunch.NOTE_BYTES))
mad = (
    st.binary(min_size=1, max_size=400)
    | requests
    | notes
    | st.builds(spoil, requests, st.integers(0), st.binary())
)


@settings(max_examples=60, deadline=None)
@given(st.lists(mad, min_size=1, max_size=8), st.booleans())
def test_a_pair_meets_among_clients_that_send_anything(pieces: list[bytes], at_once: bool) -> None:
    async def body(server: RendezvousServer) -> None:
        logging.getLogger("rendezvous").setLevel(logging.ERROR)
        async with AsyncExitStack() as stack:
            for piece in pieces:
                client = await stack.enter_async_context(connect(server))
                client.send(piece)
                if len(piece) % 2:
                    client.writer.write_eof()
                if not at_once:
                    await stack.aclose()
            one, two = [await stack.enter_async_context(connect(server)) for _ in range(2)]
            for honest in (one, two):
                honest.send(tcpunch.encode_v2_request(b"an honest pair"))
            assert (await one.v2()).status is Status.WAITING
            assert (await one.v2()).peer == two.address

    run(body)
