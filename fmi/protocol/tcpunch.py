"""The TCPunch rendezvous protocol, versions 1 and 2, as pure functions over bytes.

This is the one module that the rendezvous server and the library share, so it needs nothing outside the
standard library, and importing it does not import NumPy (the names of the `fmi` package are loaded lazily).

Version 1
    request   the pairing name: 1-100 bytes, no NUL, no terminator; of a longer one, the first 100 count
    response  8 bytes at once, the client's own public address (IPv4, port, two padding bytes; network order),
              and 8 bytes more, the peer's, when a second client names the same pairing
Version 2
    request   141 bytes: name NUL-padded to 100, token NUL-padded to 37, 4 flag bytes
    response  50 bytes: status 1, own IPv4 4, own port 2, peer IPv4 4, peer port 2, token NUL-padded to 37

A request is version 2 when it has a NUL byte: version 2 pads with NUL, and a name of version 1 has none. A
token ends at its first NUL, whatever a client that does not clear its memory leaves behind it.

What follows is ours, and invisible to a client that leaves the fields as they are:

- A client that asks again with its earlier token replaces its own stale request, and so is never paired with
  itself. A client without a token is given one in the first response.
- A request with `FLAG_ABORT` is followed by a note of 160 bytes, which it leaves instead of waiting: whoever
  waits under that name, or comes later, gets `Status.ERROR` with `NOTE_FOLLOWS` for its token, and the note.
- A request with `FLAG_LISTEN` waits for notices under its name: every request with `FLAG_NOTIFY` and that
name
  is passed on as a `Status.WAITING` response with the notice's token, and is itself over at once.
"""

from __future__ import annotations

import enum
import socket
import struct
from typing import NamedTuple

NAME_BYTES = 100
TOKEN_BYTES = 37
FLAG_BYTES = 4
V1_RESPONSE_BYTES = 8
V2_REQUEST_BYTES = NAME_BYTES + TOKEN_BYTES + FLAG_BYTES
V2_RESPONSE_BYTES = 50
NOTE_BYTES = 160

NO_FLAGS = bytes(FLAG_BYTES)
FLAG_ABORT = b"ABRT"
FLAG_LISTEN = b"BELL"
FLAG_NOTIFY = b"RING"
NOTE_FOLLOWS = b"a note follows"

_V1_RESPONSE = struct.Struct("!4sH2x")
_V2_REQUEST = struct.Struct(f"!{NAME_BYTES}s{TOKEN_BYTES}s{FLAG_BYTES}s")
_V2_RESPONSE = struct.Struct(f"!B4sH4sH{TOKEN_BYTES}s")


class WireError(ValueError):
    """Bytes that are not this protocol."""


class Status(enum.IntEnum):
    """First byte of a version 2 response."""

    WAITING = 0
    PAIRED = 1
    TIMEOUT = 2
    ERROR = 3


class Address(NamedTuple):
    """An IPv4 address as the rendezvous server saw it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


NOWHERE = Address("0.0.0.0", 0)  # noqa: S104 - a placeholder on the wire, nothing binds to it


class Request(NamedTuple):
    """What a client asks for; version 1 has neither token nor flags, and only `FLAG_ABORT` has a note."""

    version: int
    name: bytes
    token: bytes = b""
    flags: bytes = NO_FLAGS
    note: bytes = b""


class Response(NamedTuple):
    """A version 2 response."""

    status: Status
    own: Address
    peer: Address
    token: bytes


def is_v2(head: bytes) -> bool:
    """Whether the bytes read so far can only be version 2; until then they may be either."""
    return b"\0" in head


def check_name(name: bytes) -> bytes:
    """Return the name, or raise WireError when it is no pairing name."""
    if not 1 <= len(name) <= NAME_BYTES:
        raise WireError(f"a pairing name has 1-{NAME_BYTES} bytes, this one has {len(name)}")
    if b"\0" in name:
        raise WireError("a pairing name has no NUL byte")
    return name


def encode_v1_request(name: bytes) -> bytes:
    """The bytes a version 1 client sends."""
    return check_name(name)


def decode_v1_request(data: bytes) -> Request:
    """Parse what a version 1 client sent; of a longer name the first 100 bytes count."""
    return Request(1, check_name(data[:NAME_BYTES]))


def encode_v1_response(address: Address) -> bytes:
    """The 8 bytes that carry one address."""
    return _V1_RESPONSE.pack(socket.inet_aton(address.host), address.port)


def decode_v1_response(data: bytes) -> Address:
    """Parse 8 bytes that carry one address."""
    if len(data) != V1_RESPONSE_BYTES:
        raise WireError(f"a version 1 response has {V1_RESPONSE_BYTES} bytes, not {len(data)}")
    host, port = _V1_RESPONSE.unpack(data)
    return Address(socket.inet_ntoa(host), port)


def encode_v2_request(name: bytes, token: bytes = b"", flags: bytes = NO_FLAGS) -> bytes:
    """The 141 bytes a version 2 client sends; the token has at most 36 bytes (a UUID) and no NUL."""
    if len(token) >= TOKEN_BYTES or b"\0" in token:
        raise WireError(f"a token has at most {TOKEN_BYTES - 1} bytes and no NUL")
    if len(flags) != FLAG_BYTES:
        raise WireError(f"the flags are {FLAG_BYTES} bytes, not {len(flags)}")
    return _V2_REQUEST.pack(check_name(name), token, flags)


def encode_note_request(name: bytes, note: bytes) -> bytes:
    """The 301 bytes that leave a note of up to 160 bytes, which is NUL-padded."""
    if len(note) > NOTE_BYTES:
        raise WireError(f"a note has at most {NOTE_BYTES} bytes, this one has {len(note)}")
    return encode_v2_request(name, flags=FLAG_ABORT) + note.ljust(NOTE_BYTES, b"\0")


def request_bytes(head: bytes) -> int:
    """How long the request will be that begins with these bytes, as far as they tell."""
    has_note = is_v2(head) and head[V2_REQUEST_BYTES - FLAG_BYTES : V2_REQUEST_BYTES] == FLAG_ABORT
    return V2_REQUEST_BYTES + NOTE_BYTES * has_note


def decode_v2_request(data: bytes) -> Request:
    """Parse the 141 bytes of a version 2 request, or 301 with a note."""
    if len(data) != request_bytes(data):
        raise WireError(f"a version 2 request like this has {request_bytes(data)} bytes, not {len(data)}")
    name, token, flags = _V2_REQUEST.unpack(data[:V2_REQUEST_BYTES])
    return Request(2, check_name(_unpad(name)), _terminated(token), flags, data[V2_REQUEST_BYTES:])


def encode_v2_response(status: Status, own: Address, peer: Address = NOWHERE, token: bytes = b"") -> bytes:
    """The 50 bytes that answer a version 2 request."""
    return _V2_RESPONSE.pack(
        status, socket.inet_aton(own.host), own.port, socket.inet_aton(peer.host), peer.port, token
    )


def decode_v2_response(data: bytes) -> Response:
    """Parse the 50 bytes that answer a version 2 request."""
    if len(data) != V2_RESPONSE_BYTES:
        raise WireError(f"a version 2 response has {V2_RESPONSE_BYTES} bytes, not {len(data)}")
    status, own_host, own_port, peer_host, peer_port, token = _V2_RESPONSE.unpack(data)
    if status not in set(Status):
        raise WireError(f"no such status: {status}")
    own = Address(socket.inet_ntoa(own_host), own_port)
    peer = Address(socket.inet_ntoa(peer_host), peer_port)
    return Response(Status(status), own, peer, _terminated(token))


def _unpad(name: bytes) -> bytes:
    """Check and strip the padding; the bytes of other protocols rarely have it."""
    value, _, padding = name.partition(b"\0")
    if padding.strip(b"\0"):
        raise WireError("the name goes on after its NUL padding")
    return value


def _terminated(token: bytes) -> bytes:
    return token.partition(b"\0")[0]
