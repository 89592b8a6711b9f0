"""What a communicator needs from the thing that carries its messages: the seam for further channels.

`fmi.channels.direct.channel` implements it over TCP, `fmi.channels.storage.channel` over anything that
keeps named bytes, and `fmi.channels.multi` over several channels at once. `fmi.channels.registry` is where
channels are known by name.
"""

from __future__ import annotations

import abc
import enum
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmi._tasks import Wait
from fmi.config import Config
from fmi.protocol.frames import Abort, Call, Frame, Header, Kind
from fmi.protocol.transfer import ReceiveTransfer, Transfer

if TYPE_CHECKING:  # it builds upon this module
    from fmi.channels.direct.frames import FramedConnections

# Between two looks for messages that nobody tells of each pause is longer than the one before.
FIRST_PAUSE_S = 0.002
LAST_PAUSE_S = 0.5
PAUSE_GROWTH = 1.5


class hints(enum.Enum):  # noqa: N801 - the original interface's name
    """What to prefer where there is a choice of channels."""

    fast = 1
    cheap = 2


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
        oversubscribed: whether the ranks are known to outnumber the cores that they share; alike on every
        rank. on_wait: whatever waits for peers calls this with them about once a second, if it is set: beside
            other channels something may have happened there that ends the wait.
    """

    on_idle: Callable[[Iterable[int]], None] | None = None

    def __init__(self) -> None:
        self.setup_seconds = 0.0
        self.bytes_sent = 0
        self.bytes_received = 0
        self._asked: dict[int, deque[ReceiveTransfer]] = {}
        self._pause_s = FIRST_PAUSE_S
        self.oversubscribed = False

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

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:  # noqa: B027
        """The next `receive` for this peer and call will be into this buffer; it may be filled beforehand."""

    @abc.abstractmethod
    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for the peer's next message, which must belong to `call`; its form and its payload."""

    # Requests: messages that the caller does not wait for. These serve channels on which nothing moves unless
    # somebody waits for it; a channel that can do better overrides them.

    @property
    def outstanding(self) -> bool:
        """Whether something that was begun with `start` or `expect` can move on by itself."""
        return False

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is there; later collective calls may overtake it."""
        self.connect([peer])
        self.post(peer, call, payload, form)
        self.flush()
        return Transfer(peer, call, done=True)

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Ask for a message that need not be there yet. `into` is filled, None asks for a fresh buffer."""
        expected = ReceiveTransfer(peer, call, into)
        self._asked.setdefault(peer, deque()).append(expected)
        self._pause_s = FIRST_PAUSE_S
        return expected

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done, or until that time (`time.monotonic()`) where `is_here` can tell."""
        if until < math.inf:
            self._look_until(transfer, until)
            return
        asked = self._asked.get(transfer.peer)
        while asked and not transfer.done:
            self._answer(asked.popleft())

    def _look_until(self, transfer: Transfer, until: float) -> None:
        self.advance()
        while not transfer.done and (left := until - time.monotonic()) > 0:
            time.sleep(min(self._pause_s, left))
            self.advance()

    def advance(self) -> None:
        """Let everything go on that can without waiting."""
        self._pause_s = min(self._pause_s * PAUSE_GROWTH, LAST_PAUSE_S)
        for peer, asked in self._asked.items():
            while asked and self.is_here(peer, asked[0].call):
                self._answer(asked.popleft())
                self._pause_s = FIRST_PAUSE_S

    def waiting(self) -> Wait:
        """What has to happen before `advance` is worth while."""
        return Wait({}, time.monotonic() + self._pause_s if any(self._asked.values()) else math.inf)

    def is_here(self, peer: int, call: Call) -> bool:  # noqa: ARG002 - for those that override it
        """Whether `receive` would find the message at once; who cannot tell says yes, and waits for it."""
        return True

    def _answer(self, expected: ReceiveTransfer) -> None:
        peer, call, into = expected.peer, expected.call, expected.into
        self.connect([peer])
        if into is None:
            form, payload = self.take(peer, call)
        else:
            form, payload = self.receive(peer, call, into), into
        expected.frame = Frame(Header(Kind.DATA, call, form, len(payload)), payload)
        expected.done = True

    def connections(self) -> FramedConnections | None:
        """The connections that messages go over, if over nothing else: `fmi.channels.direct.persistent`."""
        return None

    def prefer(self, hint: hints) -> None:  # noqa: B027 - where there is a choice
        """Prefer speed or price from now on; every rank is told at the same point."""

    # Ending

    def rest(self) -> None:  # noqa: B027 - most channels have nothing to do
        """The operation is over: finish what was begun beside it, as nothing goes on until the next one."""

    def waits_for_me(self, peer: int) -> Call | None:  # noqa: ARG002 - for channels that can tell
        """In which call a peer waits here for this rank, with nothing on its way to it; None if it does not.

        Takes in what has come without waiting, and answers peers that want to meet this rank here. Raises
        PeerFailure or MismatchError if that is what has come.
        """
        return None

    @abc.abstractmethod
    def abort(self, abort: Abort) -> None:
        """Tell every other rank, as far as it can be reached within seconds, and close."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let what was sent arrive, say goodbye, give everything back. Does nothing the second time."""
