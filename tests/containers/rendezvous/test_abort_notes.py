"""Notes for who waits and who comes later, and rings for who listens."""

from __future__ import annotations

from containers.rendezvous.abort_notes import AbortNotes
from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Status
from tests.containers.rendezvous.support.clients import connect, run


def test_a_note_reaches_who_waits_and_who_comes_later() -> None:
    async def body(server: RendezvousServer) -> None:
        async with connect(server) as waits, connect(server) as aborts, connect(server) as later:
            waits.send(tcpunch.encode_v2_request(b"pair", b"t"))
            await waits.v2()
            request = tcpunch.encode_note_request(b"pair", b"2:broken")
            aborts.send(request[:150])
            aborts.send(request[150:])
            await aborts.v2()
            later.send(tcpunch.encode_v2_request(b"pair", b"u"))
            for client in (waits, later):
                response = await client.v2()
                assert (response.status, response.token) == (Status.ERROR, tcpunch.NOTE_FOLLOWS)
                assert await client.reader.read() == b"2:broken".ljust(tcpunch.NOTE_BYTES, b"\0")

    run(body)


def test_notes_are_few_and_forgotten() -> None:
    notes = AbortNotes(2, 60)
    for name in (b"a", b"b", b"c"):
        notes.add(name, b"text")
    notes.add(b"c", b"a later one")
    assert [notes.find(name) for name in (b"a", b"b", b"c")] == [None, b"text", b"text"]
    brief = AbortNotes(2, 0)
    brief.add(b"a", b"text")
    assert brief.find(b"a") is None


def test_a_stranger_s_notes_evict_their_own_and_nobody_else_s() -> None:
    notes = AbortNotes(limit=10, age_s=60, limit_per_host=3)
    notes.add(b"real", b"rank 1 failed", "198.51.100.1")
    for number in range(100):
        notes.add(b"flood %d" % number, b"x", "203.0.113.9")
    assert notes.find(b"real") == b"rank 1 failed"
    assert len(notes) == 1 + 3
    assert notes.find(b"flood 99") == b"x"
    assert notes.find(b"flood 96") is None
