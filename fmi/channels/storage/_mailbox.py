"""The messages with one peer through storage: under which keys they lie, and how many there were.

    <world>/<receiver>/abort                               which rank failed, for whoever waits
    <world>/<receiver>/bell                                which rank wants to pair with this one
    <world>/<receiver>/<sender>/greeting                   see `Hello`
    <world>/<receiver>/<sender>/<pairing>/<number>.<piece> a message
    <world>/<receiver>/<sender>/<pairing>/state            the sender waits for the receiver, or has left

Messages from send to recv have numbers of their own, because later collective operations may overtake a
message that its sender does not wait for.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from fmi.protocol.frames import (
    HEADER_BYTES,
    PART,
    Call,
    Header,
    Kind,
    Operation,
    Waiting,
    unpack_header,
)

_HELLO = struct.Struct("!I16s16s")
_NO_NONCE = bytes(16)


def new_nonce() -> bytes:
    """A nonce for one rank's life, 16 random bytes."""
    return secrets.token_bytes(16)


@dataclass
class Hello:
    """How two ranks pair through storage, as one of them sees it.

    What lies in storage may be left from a run that died, under the same name and with the same secret. So
    each rank draws a nonce when it starts, and writes a hello with its own nonce and the one that it has read
    from the peer. A rank that finds its own nonce in the peer's hello knows that the peer is alive. From the
    two nonces both derive a name for their messages that no earlier run has used. Each side has to write
    twice, in no particular order.

    Attributes:
        rank, peer, size: this rank, the other one, and the world size.
        mine, theirs: this rank's nonce, and the peer's as last read.
        paired: whether the peer has confirmed this rank's nonce.
        their_size: the peer's world size.
    """

    rank: int
    peer: int
    size: int
    mine: bytes
    theirs: bytes = _NO_NONCE
    paired: bool = False
    their_size: int = 0

    def pack(self) -> bytes:
        """This rank's hello, for the peer to read."""
        return _HELLO.pack(self.size, self.mine, self.theirs)

    def read(self, data: bytes | memoryview) -> bool:
        """Read the peer's hello; True when this rank has to write its own again. Raises ValueError."""
        try:
            size, theirs, echo = _HELLO.unpack(data)
        except struct.error:
            raise ValueError("it is no greeting") from None
        is_new = bool(theirs != self.theirs)
        self.theirs = theirs
        self.their_size = size
        self.paired = echo == self.mine
        return is_new

    def name(self) -> str:
        """The name of this pairing, the same on both sides and never used before."""
        nonces = (self.mine, self.theirs) if self.rank < self.peer else (self.theirs, self.mine)
        return hashlib.sha256(b"".join(nonces)).hexdigest()[:24]


@dataclass
class Mailbox:
    """The state of the messages with one peer.

    Attributes:
        world: the prefix of all keys of this world.
        hello: the pairing of the two.
        sent, received: messages of collective operations so far.
        next_sends: number of the next message from send to recv, and of the next one of a call that nobody
            waits for.
        waiting: what the peer last said it waits for.
        left: the peer has closed its communicator.
    """

    world: str
    hello: Hello
    sent: int = 0
    received: int = 0
    next_sends: dict[int, int] = field(default_factory=lambda: {0: 0, PART: PART})
    waiting: Waiting | None = None
    left: bool = False

    @cached_property
    def pairing(self) -> str:
        """Name of this pairing; final when the two are paired."""
        return self.hello.name()

    @cached_property
    def incoming(self) -> str:
        """The prefix of the keys that the peer writes for this rank."""
        return f"{self.world}/{self.hello.rank}/{self.hello.peer}"

    @cached_property
    def outgoing(self) -> str:
        """The prefix of the keys that this rank writes for the peer."""
        return f"{self.world}/{self.hello.peer}/{self.hello.rank}"

    @property
    def their_hello(self) -> str:
        """The key of the peer's hello."""
        return f"{self.incoming}/greeting"

    @property
    def my_hello(self) -> str:
        """The key of this rank's hello."""
        return f"{self.outgoing}/greeting"

    @property
    def their_state(self) -> str:
        """The key under which the peer says that it waits or has left."""
        return f"{self.incoming}/{self.pairing}/state"

    @property
    def my_state(self) -> str:
        """The key under which this rank says so."""
        return f"{self.outgoing}/{self.pairing}/state"

    def outgoing_keys(self, call: Call, pieces: int) -> list[str]:
        """Keys for the pieces of the next message to the peer; counts the message as sent."""
        number = f"c{self.sent}"
        if call.operation is Operation.SEND:
            number = f"s{call.sequence}"
            kind = call.sequence & PART
            self.next_sends[kind] = kind | (call.sequence + 1) % PART
        else:
            self.sent += 1
        return [f"{self.outgoing}/{self.pairing}/{number}.{n}" for n in range(pieces)]

    def incoming_key(self, call: Call, piece: int = 0) -> str:
        """The key of a piece of the next message from the peer."""
        number = f"s{call.sequence}" if call.operation is Operation.SEND else f"c{self.received}"
        return f"{self.incoming}/{self.pairing}/{number}.{piece}"

    def read_state(self, content: memoryview) -> None:
        """Read what the peer says of itself. Raises ValueError when it is nothing of the kind."""
        header = unpack_header(content)
        if header.kind is Kind.BYE:
            self.left = True
        else:
            self.waiting = Waiting.of(header, content[HEADER_BYTES:])

    def lasting_keys(self) -> list[str]:
        """The keys of both ranks that are not messages."""
        return [self.my_hello, self.their_hello, self.my_state, self.their_state]

    def owns(self, key: str) -> bool:
        """Whether a key belongs to the messages with this peer."""
        return key.startswith((f"{self.incoming}/", f"{self.outgoing}/"))

    @property
    def waits_for_me(self) -> Call | None:
        """The call in which the peer waits for something that this rank has not sent yet."""
        if self.waiting is None:
            return None
        call = self.waiting.call
        if call.operation is Operation.SEND:
            return call if call.sequence in self.next_sends.values() else None
        return call if self.waiting.received == self.sent else None


def abort_key(world: str, rank: int) -> str:
    """The key under which a rank is told that the world has failed."""
    return f"{world}/{rank}/abort"


def notice_key(world: str, rank: int) -> str:
    """The key under which a rank is told that another one wants to pair with it."""
    return f"{world}/{rank}/bell"


def cut(header: Header, payload: memoryview, piece_bytes: int) -> Iterator[tuple[bytes | memoryview, ...]]:
    """Cut a message into pieces; the first one begins with the header."""
    yield header.pack(), payload[:piece_bytes]
    for start in range(piece_bytes, len(payload), piece_bytes):
        yield (payload[start : start + piece_bytes],)


def count_pieces(nbytes: int, piece_bytes: int) -> int:
    """How many pieces a message of this size is cut into."""
    return max(1, -(-nbytes // piece_bytes))
