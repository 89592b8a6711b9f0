"""The pairing's name at the rendezvous server, and the handshake that proves the shared secret.

The name is derived from the secret, so nobody else can guess it, and from both ranks in ascending order, so
both derive the same one. The handshake is a challenge and response in both directions: each side sends a new
nonce and proves with an HMAC over both hellos that it holds the secret. A replayed proof answers an old
nonce, and a reflected one has the ranks in the wrong order.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import struct
from dataclasses import dataclass, field

from fmi._tasks import READ, WRITE, Task, Wait
from fmi.errors import FMIError, MismatchError

_HELLO = struct.Struct("!4sIII32s")
_MAGIC = b"FMI\x01"
_ACKNOWLEDGE = b"\x06"


class AttemptFailed(FMIError):  # noqa: N818 - an attempt is followed by another, so it is not yet an error
    """This attempt to connect failed; the next one may succeed."""


class AuthenticationFailed(AttemptFailed):
    """The other side could not prove that it holds the secret."""


@dataclass(frozen=True)
class Pair:
    """This rank and one peer of a communicator.

    Attributes:
        name: pairing name at the rendezvous server, 64 bytes.
        key: key of the proofs, 32 bytes.
    """

    rank: int
    peer: int
    world_size: int
    name: bytes
    key: bytes = field(repr=False)


def derive(secret: bytes, comm_name: str, rank: int, peer: int, world_size: int) -> Pair:
    """Derive name and key; both ranks of a pair get the same ones, and no two pairs share them."""
    low, high = sorted((rank, peer))
    identity = struct.pack("!II", low, high) + comm_name.encode()
    name = hmac.digest(secret, b"fmi pairing name" + identity, hashlib.sha256).hex().encode()
    key = hmac.digest(secret, b"fmi pairing key\0" + identity, hashlib.sha256)
    return Pair(rank, peer, world_size, name, key)


def notice_name(secret: bytes, comm_name: str, rank: int) -> bytes:
    """The name under which a rank waits for notices at the rendezvous server."""
    return (
        hmac.digest(secret, b"fmi doorbell" + struct.pack("!I", rank) + comm_name.encode(), "sha256")
        .hex()
        .encode()
    )


def note_pair(secret: bytes, world: str, rank: int, world_size: int) -> Pair:
    """The pair under whose name a rank is told that its world has failed, whatever its communicators."""
    identity = struct.pack("!I", rank) + world.encode()
    name = hmac.digest(secret, b"fmi note" + identity, hashlib.sha256).hex().encode()
    key = hmac.digest(secret, b"fmi note key\0" + identity, hashlib.sha256)
    return Pair(rank, rank, world_size, name, key)


def handshake(sock: socket.socket, pair: Pair, probe_bytes: int, until: float) -> Task[None]:
    """Authenticate a new connection both ways, then check that it carries `probe_bytes` both ways.

    The probe is needed because a punched connection can stall for good after its first kilobytes.

    Raises:
        AuthenticationFailed: the other side does not hold the secret, or is not the peer.
        AttemptFailed: the connection ended or stalled.
        MismatchError: the peer holds the secret but has another world size.
    """
    mine = _HELLO.pack(_MAGIC, pair.rank, pair.peer, pair.world_size, secrets.token_bytes(32))
    theirs = yield from exchange(sock, mine, len(mine), until)
    magic, rank, peer, world_size, _ = _HELLO.unpack(theirs)
    if (magic, rank, peer) != (_MAGIC, pair.peer, pair.rank):
        raise AuthenticationFailed("whoever connected is not the peer")
    proof = yield from exchange(sock, _proof(pair, mine, theirs), hashlib.sha256().digest_size, until)
    if not hmac.compare_digest(proof, _proof(pair, theirs, mine)):
        raise AuthenticationFailed("whoever connected does not hold the secret")
    if world_size != pair.world_size:
        raise MismatchError(
            f"rank {pair.rank} is in a world of {pair.world_size} ranks, "
            f"but rank {pair.peer} in one of {world_size}"
        )
    yield from exchange(sock, bytes(probe_bytes), probe_bytes, until)
    if (yield from exchange(sock, _ACKNOWLEDGE, len(_ACKNOWLEDGE), until)) != _ACKNOWLEDGE:
        raise AttemptFailed("the two sides do not agree on the size of the probe")


def _proof(pair: Pair, sender_hello: bytes, receiver_hello: bytes) -> bytes:
    return hmac.digest(pair.key, sender_hello + receiver_hello, hashlib.sha256)


def exchange(sock: socket.socket, outgoing: bytes, length: int, until: float) -> Task[bytes]:
    """Send and, at the same time, receive exactly `length` bytes, never one more."""
    left = memoryview(outgoing)
    incoming = bytearray(length)
    received = 0
    try:
        while left or received < length:
            events = (WRITE if left else 0) | (READ if received < length else 0)
            ready = yield Wait({sock.fileno(): events}, until)
            if not ready:
                raise AttemptFailed("the connection stalled during the handshake")
            if left:
                left = left[_send(sock, left) :]
            if received < length:
                received += _receive(sock, memoryview(incoming)[received:])
    except OSError as error:
        raise AttemptFailed(
            f"the connection broke during the handshake: {error.strerror or error}"
        ) from error
    return bytes(incoming)


def _send(sock: socket.socket, data: memoryview) -> int:
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0


def _receive(sock: socket.socket, into: memoryview) -> int:
    try:
        count = sock.recv_into(into)
    except BlockingIOError:
        return 0
    if not count:
        raise AttemptFailed("the connection ended during the handshake")
    return count
