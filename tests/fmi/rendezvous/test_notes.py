"""Notes at the rendezvous server are believed from ranks of the same world only."""

from dataclasses import replace

import pytest

import fmi
from containers.rendezvous.limits import Limits
from fmi.errors import PeerFailure
from fmi.protocol.frames import Abort
from fmi.protocol.tcpunch import NOTE_BYTES
from fmi.rendezvous.client import Rendezvous, leave_notes
from fmi.rendezvous.handshake import AttemptFailed, Pair, derive, note_pair
from fmi.rendezvous.notes import failure_of, sealed
from tests.fmi.support.worlds import SECRET, World, serving

PAIR = derive(SECRET.encode(), "world", 0, 1, 4)
ABORT = Abort(3, "ValueError: no such band")


def test_a_note_of_the_world_is_a_peer_failure_with_its_whole_reason() -> None:
    long = Abort(3, "ValueError: " + "é" * 100)
    for abort in (ABORT, long):
        note = sealed(PAIR, abort)
        assert len(note) <= NOTE_BYTES
        failure = failure_of(PAIR, note.ljust(NOTE_BYTES, b"\0"))
        assert isinstance(failure, PeerFailure)
        assert failure.rank == 3
        assert abort.reason.startswith(failure.reason)


@pytest.mark.parametrize(
    "forger",
    [
        replace(PAIR, key=bytes(32)),
        replace(PAIR, name=b"another pair of the same world"),
        note_pair(SECRET.encode(), "world", 1, 4),
    ],
)
def test_a_note_of_anybody_else_is_none(forger: Pair) -> None:
    assert isinstance(failure_of(PAIR, sealed(forger, ABORT)), AttemptFailed)


def test_a_bit_of_a_note_cannot_be_changed() -> None:
    note = bytearray(sealed(PAIR, ABORT).ljust(NOTE_BYTES, b"\0"))
    for place in range(len(note)):
        note[place] ^= 1
        assert isinstance(failure_of(PAIR, bytes(note)), AttemptFailed), place
        note[place] ^= 1


def test_a_rank_that_the_world_does_not_have_is_no_failure() -> None:
    assert isinstance(failure_of(PAIR, sealed(PAIR, Abort(4, "out of the world"))), AttemptFailed)


def test_a_world_ignores_who_has_seen_a_pairing_name() -> None:
    """The note of a stranger stands under the name of two ranks; once it has passed, they meet."""
    with serving(limits=Limits(note_s=1.0)) as server:
        stranger = Rendezvous(*server.address, 2, 3.0)
        pair = derive(SECRET.encode(), "seen", 0, 1, 2)
        leave_notes(stranger, [replace(pair, key=bytes(32))], Abort(1, "it never failed"))
        with World(2, server.address, "seen") as everyone:
            assert everyone.run(fmi.Communicator.barrier) == [None, None]
