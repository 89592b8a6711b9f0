"""One rank's correspondence with one peer through storage: where everything lies, and how far it has got.

<world>/<receiver>/abort                               who failed, for a rank that waits for anybody
<world>/<receiver>/bell                                who wants to meet this rank
<world>/<receiver>/<sender>/greeting                   see `fmi.channels.storage._hello`
<world>/<receiver>/<sender>/<meeting>/<number>.<piece> a message
<world>/<receiver>/<sender>/<meeting>/state            the sender waits for the receiver, or has left

Messages from send to recv have numbers of their own, because the collective operations after one that nobody
waits for may overtake it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fmi.channels.storage._hello import Hello
from fmi.protocol.frames import (
    HEADER_BYTES,
    SEQUENCE_MASK,
    Call,
    Header,
    Kind,
    Operation,
    Waiting,
    unpack_header,
)


@dataclass
class Mailbox:
    """What went to and fro with one peer.

    Attributes:
        world: what all keys of this world begin with.
        greeting: who the two are to each other.
        sent, received: messages of collective operations so far.
        next_send: number of the next message from send to recv.
        waiting: the peer's last word on what it waits for.
        left: the peer has closed its communicator.
    """

    world: str
    hello: Hello
    sent: int = 0
    received: int = 0
    next_send: int = 0
    waiting: Waiting | None = None
    left: bool = False

    @cached_property
    def meeting(self) -> str:
        """Name of this meeting; there is one when the two have met."""
        return self.hello.name()

    @cached_property
    def incoming(self) -> str:
        """Where the peer's writings to this rank lie."""
        return f"{self.world}/{self.hello.rank}/{self.hello.peer}"

    @cached_property
    def outgoing(self) -> str:
        """Where this rank's writings to the peer lie."""
        return f"{self.world}/{self.hello.peer}/{self.hello.rank}"

    @property
    def their_hello(self) -> str:
        """Where the peer greets this rank."""
        return f"{self.incoming}/greeting"

    @property
    def my_hello(self) -> str:
        """Where this rank greets the peer."""
        return f"{self.outgoing}/greeting"

    @property
    def their_state(self) -> str:
        """Where the peer says that it waits or has left."""
        return f"{self.incoming}/{self.meeting}/state"

    @property
    def my_state(self) -> str:
        """Where this rank says so."""
        return f"{self.outgoing}/{self.meeting}/state"

    def outgoing_keys(self, call: Call, pieces: int) -> list[str]:
        """Keys for the pieces of the next message to the peer, which is under way from now on."""
        number = f"c{self.sent}"
        if call.operation is Operation.SEND:
            number = f"s{call.sequence}"
            self.next_send = (call.sequence + 1) & SEQUENCE_MASK
        else:
            self.sent += 1
        return [f"{self.outgoing}/{self.meeting}/{number}.{n}" for n in range(pieces)]

    def incoming_key(self, call: Call, piece: int = 0) -> str:
        """Key of a piece of the next message from the peer."""
        number = f"s{call.sequence}" if call.operation is Operation.SEND else f"c{self.received}"
        return f"{self.incoming}/{self.meeting}/{number}.{piece}"

    def hear_state(self, content: memoryview) -> None:
        """Take in what the peer says of itself. Raises ValueError when it is nothing of the kind."""
        header = unpack_header(content)
        if header.kind is Kind.BYE:
            self.left = True
        else:
            self.waiting = Waiting.of(header, content[HEADER_BYTES:])

    def lasting_keys(self) -> list[str]:
        """What both wrote that is not a message."""
        return [self.my_hello, self.their_hello, self.my_state, self.their_state]

    def owns(self, key: str) -> bool:
        """Whether a key belongs to this correspondence."""
        return key.startswith((f"{self.incoming}/", f"{self.outgoing}/"))

    @property
    def waits_for_me(self) -> Call | None:
        """The call in which the peer waits for something that this rank has not sent yet."""
        if self.waiting is None:
            return None
        call = self.waiting.call
        if call.operation is Operation.SEND:
            return call if call.sequence == self.next_send else None
        return call if self.waiting.received == self.sent else None


def abort_key(world: str, rank: int) -> str:
    """Where a rank is told that the world has failed."""
    return f"{world}/{rank}/abort"


def doorbell_key(world: str, rank: int) -> str:
    """Where a rank is told that somebody wants to meet it."""
    return f"{world}/{rank}/bell"


def cut(header: Header, payload: memoryview, piece_bytes: int) -> Iterator[tuple[bytes | memoryview, ...]]:
    """A message in pieces; the header is at the front of the first."""
    yield header.pack(), payload[:piece_bytes]
    for start in range(piece_bytes, len(payload), piece_bytes):
        yield (payload[start : start + piece_bytes],)


def count_pieces(nbytes: int, piece_bytes: int) -> int:
    """How many pieces a message of this size is cut into."""
    return max(1, -(-nbytes // piece_bytes))
