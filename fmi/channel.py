"""What a communicator needs from the thing that carries its messages: the seam for further channels.

`fmi.direct` implements it over TCP, `fmi.storage` over anything that keeps named bytes, and `fmi.switch` over
several channels at once. `fmi.registry` is where channels are known by name.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass

from fmi.config import Config
from fmi.frames import Abort, Call


@dataclass(frozen=True)
class World:
    """Who this rank is, and of which world: what a channel is made for.

    Attributes:
        rank, size: this rank, and how many there are.
        name: the communicator's name.
        config: secret, limits and the settings of all channels.
    """

    rank: int
    size: int
    name: str
    config: Config


class Channel(abc.ABC):
    """Carries framed messages between the ranks of one world.

    Between two ranks messages arrive once each and in order. Every method that waits has a deadline and
    raises Timeout; every one raises PeerFailure or MismatchError as soon as it learns that a rank failed.

    Attributes:
        setup_seconds: time spent in `connect`.
        bytes_sent, bytes_received: bytes of the messages so far, headers included.
    """

    def __init__(self) -> None:
        self.setup_seconds = 0.0
        self.bytes_sent = 0
        self.bytes_received = 0

    @abc.abstractmethod
    def connect(self, peers: Iterable[int]) -> None:
        """Be ready to talk to these peers; they call it for this rank in the same operation."""

    @abc.abstractmethod
    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""

    @abc.abstractmethod
    def flush(self) -> None:
        """Wait until everything posted is on its way. Meanwhile messages from others are taken in."""

    @abc.abstractmethod
    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message, which must belong to `call` and fill `into`; returns its form."""

    def rest(self) -> None:  # noqa: B027 - most channels have nothing to do
        """The operation is over: finish what was begun beside it, as nothing goes on until the next one."""

    @abc.abstractmethod
    def abort(self, abort: Abort) -> None:
        """Tell every other rank, as far as it can be reached within seconds, and close."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let what was sent arrive, say goodbye, give everything back. Does nothing the second time."""
