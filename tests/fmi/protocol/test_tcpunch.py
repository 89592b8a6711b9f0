"""The TCPunch wire format, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmi.protocol import tcpunch
from fmi.protocol.tcpunch import Address, Status, WireError

names = st.binary(min_size=1, max_size=100).filter(lambda name: b"\0" not in name)
tokens = st.binary(max_size=36).filter(lambda token: b"\0" not in token)
addresses = st.builds(Address, st.ip_addresses(v=4).map(str), st.integers(0, 65535))


def test_version_1_bytes() -> None:
    assert tcpunch.encode_v1_request(b"pair") == b"pair"
    assert tcpunch.encode_v1_response(Address("1.2.3.4", 0x1234)) == b"\x01\x02\x03\x04\x12\x34\0\0"


def test_version_2_bytes() -> None:
    request = tcpunch.encode_v2_request(b"pair", b"token")
    assert request == b"pair".ljust(100, b"\0") + b"token".ljust(37, b"\0") + bytes(4)
    assert len(request) == 141
    response = tcpunch.encode_v2_response(
        Status.PAIRED, Address("1.2.3.4", 5), Address("6.7.8.9", 10), b"token"
    )
    assert response == b"\x01\x01\x02\x03\x04\0\x05\x06\x07\x08\x09\0\x0a" + b"token".ljust(37, b"\0")
    assert len(response) == 50


@given(names, tokens)
def test_requests_survive(name: bytes, token: bytes) -> None:
    assert tcpunch.decode_v2_request(tcpunch.encode_v2_request(name, token)) == tcpunch.Request(
        2, name, token
    )
    assert tcpunch.decode_v1_request(tcpunch.encode_v1_request(name)) == tcpunch.Request(1, name)
    assert not tcpunch.is_v2(tcpunch.encode_v1_request(name))
    assert tcpunch.is_v2(tcpunch.encode_v2_request(name, token))


@given(st.sampled_from(Status), addresses, addresses, tokens)
def test_responses_survive(status: Status, own: Address, peer: Address, token: bytes) -> None:
    data = tcpunch.encode_v2_response(status, own, peer, token)
    assert tcpunch.decode_v2_response(data) == tcpunch.Response(status, own, peer, token)
    assert tcpunch.decode_v1_response(tcpunch.encode_v1_response(own)) == own


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for decode in (
        tcpunch.decode_v1_request,
        tcpunch.decode_v2_request,
        tcpunch.decode_v1_response,
        tcpunch.decode_v2_response,
    ):
        try:
            decode(data)
        except WireError:
            continue


@pytest.mark.parametrize("name", [b"", b"x" * 101, b"a\0b"])
def test_names_that_are_none(name: bytes) -> None:
    with pytest.raises(WireError):
        tcpunch.encode_v1_request(name)
    with pytest.raises(WireError):
        tcpunch.encode_v2_request(name)


@pytest.mark.parametrize(("token", "flags"), [(b"x" * 37, bytes(4)), (b"a\0b", bytes(4)), (b"", b"abc")])
def test_tokens_and_flags_that_are_none(token: bytes, flags: bytes) -> None:
    with pytest.raises(WireError):
        tcpunch.encode_v2_request(b"name", token, flags)
