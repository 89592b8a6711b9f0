"""The bytes of both versions, written out from the protocol, and how our client takes and sends them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

import pytest

from fmi.errors import PeerFailure
from fmi.protocol import tcpunch
from fmi.protocol.frames import Abort
from fmi.protocol.tcpunch import NOWHERE, Address, Request, Response, Status, WireError
from fmi.rendezvous.client import Rendezvous
from fmi.rendezvous.handshake import AttemptFailed, Pair, derive
from fmi.rendezvous.notes import sealed
from tests.fmi.support.tasks import drive
from tests.fmi.support.worlds import PATIENCE_S

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"
NO_ADDRESS = b"\x00\x00\x00\x00\x00\x00"
OWN, PEER = Address("203.0.113.7", 40000), Address("198.51.100.9", 258)
OWN_BYTES = b"\xcb\x00\x71\x07\x9c\x40"
PEER_BYTES = b"\xc6\x33\x64\x09\x01\x02"
TOKEN_FIELD = TOKEN + b"\x00"
PAIR = Pair(0, 1, 2, b"fmi_pair0_1", b"key")

V1_REQUEST = b"fmi_pair0_1"
V1_OWN = OWN_BYTES + b"\x00\x00"
V1_PEER = PEER_BYTES + b"\x00\x00"
V2_REQUEST = b"fmi_pair0_1" + b"\x00" * 89 + TOKEN_FIELD + b"\x00\x00\x00\x00"
V2_REQUEST_BARE = b"fmi_pair0_1" + b"\x00" * 89 + b"\x00" * 37 + b"\x00" * 4
V2_RESPONSES = {
    Status.WAITING: (b"\x00" + OWN_BYTES + NO_ADDRESS + TOKEN_FIELD, NOWHERE),
    Status.PAIRED: (b"\x01" + OWN_BYTES + PEER_BYTES + TOKEN_FIELD, PEER),
    Status.TIMEOUT: (b"\x02" + OWN_BYTES + NO_ADDRESS + TOKEN_FIELD, NOWHERE),
    Status.ERROR: (b"\x03" + OWN_BYTES + NO_ADDRESS + TOKEN_FIELD, NOWHERE),
}


def test_version_1() -> None:
    assert tcpunch.encode_v1_request(b"fmi_pair0_1") == V1_REQUEST
    assert tcpunch.decode_v1_request(V1_REQUEST) == Request(1, b"fmi_pair0_1")
    assert tcpunch.encode_v1_response(OWN) == V1_OWN
    assert tcpunch.decode_v1_response(V1_PEER) == PEER


@pytest.mark.parametrize(("token", "data"), [(TOKEN, V2_REQUEST), (b"", V2_REQUEST_BARE)])
def test_version_2_requests(token: bytes, data: bytes) -> None:
    assert len(data) == 141
    assert tcpunch.encode_v2_request(b"fmi_pair0_1", token) == data
    assert tcpunch.decode_v2_request(data) == Request(2, b"fmi_pair0_1", token)


@pytest.mark.parametrize("status", Status)
def test_version_2_responses(status: Status) -> None:
    data, peer = V2_RESPONSES[status]
    assert len(data) == 50
    assert tcpunch.encode_v2_response(status, OWN, peer, TOKEN) == data
    assert tcpunch.decode_v2_response(data) == Response(status, OWN, peer, TOKEN)


def test_what_is_left_behind_a_tokens_end_is_no_part_of_it() -> None:
    field = b"mine" + b"\x00" + b"rubbish" * 4 + b"...."
    request = b"pair" + b"\x00" * 96 + field + b"\x00" * 4
    assert tcpunch.decode_v2_request(request) == Request(2, b"pair", b"mine")
    assert tcpunch.decode_v2_response(b"\x00" + OWN_BYTES + NO_ADDRESS + field).token == b"mine"


def test_what_is_left_behind_a_names_end_is_another_protocol() -> None:
    with pytest.raises(WireError, match="after its NUL"):
        tcpunch.decode_v2_request(b"\x16\x03\x01\x00" + b"x" * 137)


def test_a_nul_is_what_makes_a_request_version_2() -> None:
    assert not tcpunch.is_v2(b"n" * 136)
    assert tcpunch.is_v2(b"n" * 100 + b"\x00")
    longest = b"n" * 100 + TOKEN_FIELD + b"\x00" * 4
    assert tcpunch.is_v2(longest[:137])
    assert tcpunch.decode_v2_request(longest) == Request(2, b"n" * 100, TOKEN)


def test_of_a_name_that_is_too_long_a_server_of_version_1_takes_the_first_100_bytes() -> None:
    assert tcpunch.decode_v1_request(b"n" * 100 + b"tail") == Request(1, b"n" * 100)


def one_visit(pieces: Sequence[bytes], length: int, act: Callable[[int], object]) -> bytes:
    """Let `act` visit a server that says `pieces` to its only client; the request, of so many bytes."""
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.settimeout(PATIENCE_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while len(received) < length:
                    received.extend(client.recv(length))
                for piece in pieces:
                    client.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            act(listener.getsockname()[1])
        finally:
            thread.join(PATIENCE_S)
    return bytes(received)


def met(protocol: int, peers: list[Address]) -> Callable[[int], None]:
    def act(port: int) -> None:
        meeting = drive(Rendezvous("127.0.0.1", port, protocol, PATIENCE_S).meet(PAIR, TOKEN))
        meeting.connection.close()
        peers.append(meeting.peer)

    return act


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_our_client_speaks_version_1(size: int) -> None:
    answer, peers = V1_OWN + V1_PEER, list[Address]()
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    assert one_visit(pieces, len(V1_REQUEST), met(1, peers)) == V1_REQUEST
    assert peers == [PEER]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_our_client_speaks_version_2(size: int) -> None:
    answer, peers = V2_RESPONSES[Status.WAITING][0] + V2_RESPONSES[Status.PAIRED][0], list[Address]()
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    assert one_visit(pieces, len(V2_REQUEST), met(2, peers)) == V2_REQUEST
    assert peers == [PEER]


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.ERROR, None])
def test_our_client_takes_no_for_an_answer(status: Status | None) -> None:
    answer = V2_RESPONSES[status][0] if status else b"\x09" + bytes(49)

    def act(port: int) -> None:
        with pytest.raises(AttemptFailed):
            drive(Rendezvous("127.0.0.1", port, 2, PATIENCE_S).meet(PAIR, TOKEN))

    one_visit([answer], len(V2_REQUEST), act)


def test_our_client_reads_and_leaves_notes() -> None:
    pair = derive(b"a secret", "world", 0, 1, 4)
    note = sealed(pair, Abort(3, "ValueError: broken")).ljust(160, b"\0")
    answer = tcpunch.encode_v2_response(Status.ERROR, OWN, token=b"a note follows") + note

    def meet(port: int) -> None:
        with pytest.raises(PeerFailure, match="ValueError: broken"):
            drive(Rendezvous("127.0.0.1", port, 2, PATIENCE_S).meet(pair, TOKEN))

    def leave(port: int) -> None:
        drive(Rendezvous("127.0.0.1", port, 2, PATIENCE_S).leave_note(pair, Abort(3, "ValueError: broken")))

    one_visit([answer], len(V2_REQUEST), meet)
    request = pair.name.ljust(100, b"\0") + bytes(37) + b"ABRT" + note
    assert one_visit([V2_RESPONSES[Status.TIMEOUT][0]], 301, leave) == request
