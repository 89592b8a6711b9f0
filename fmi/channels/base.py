"""The interface of a channel: what a communicator needs from whatever carries its messages.

`fmi.channels.direct.channel` implements it over TCP, `fmi.channels.storage.channel` over anything that
keeps named bytes, and `fmi.channels.multi` over several channels at once. `fmi.channels.registry` knows
channels by name.
"""

from __future__ import annotations

import abc
import enum
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fmi._tasks import Wait
from fmi.config import Config
from fmi.protocol.frames import Abort, Call, Frame, Header, Kind
from fmi.protocol.transfer import ReceiveTransfer, Transfer

# Where nothing announces a message, each pause between two looks is longer than the last.
FIRST_PAUSE_S = 0.002
LAST_PAUSE_S = 0.5
PAUSE_GROWTH = 1.5


class hints(enum.Enum):  # noqa: N801 - the original interface's name
    """What to prefer where there is a choice of channels."""

    fast = 1
    cheap = 2


@dataclass(frozen=True)
class World:
    """What a channel is made for: one rank of one world.

    Attributes:
        rank, size: this rank, and the number of ranks.
        name: the communicator's name.
        config: secret, limits and the settings of all channels.
    """

    rank: int
    size: int
    name: str
    config: Config


class Channel(abc.ABC):
    """Carries framed messages between the ranks of one world.

    Between two ranks each message arrives once, and in order. A method that waits has a deadline and raises
    Timeout. Every method raises PeerFailure or MismatchError as soon as it learns that a rank failed.

    Attributes:
        setup_seconds: time spent in `connect`.
        bytes_sent, bytes_received: bytes of the messages so far, headers included.
        oversubscribed: whether the ranks are known to outnumber the cores that they share; alike on every
            rank.
        on_idle: if it is set, a wait calls it about once a second with the peers that it waits for: something
            may have happened on another channel that ends the wait.
    """

    on_idle: Callable[[Iterable[int]], None] | None = None

    def __init__(self) -> None:
        self.setup_seconds = 0.0
        self.bytes_sent = 0
        self.bytes_received = 0
        self._receives: dict[int, deque[ReceiveTransfer]] = {}
        self._pause_s = FIRST_PAUSE_S
        self.oversubscribed = False
        self._action: Callable[[], None] | None = None

    @abc.abstractmethod
    def connect(self, peers: Iterable[int]) -> None:
        """Connect to these peers; they do the same for this rank in the same operation."""

    @abc.abstractmethod
    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""

    @abc.abstractmethod
    def flush(self) -> None:
        """Wait until everything posted is on its way. Meanwhile messages from others are received."""

    @abc.abstractmethod
    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message, which must belong to `call` and fill `into`; return its form."""

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:  # noqa: B027
        """Announce the buffer of the next `receive` for this peer and call; it may be filled beforehand."""

    @abc.abstractmethod
    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for the peer's next message, which must belong to `call`; return its form and its payload."""

    # Requests: messages that the caller does not wait for. These methods serve channels on which a message
    # moves only while somebody waits for it; a channel that can do better overrides them.

    @property
    def outstanding(self) -> bool:
        """Whether a transfer begun with `start` or `expect` can go on by itself."""
        return False

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is connected; later collective calls may overtake it."""
        self.connect([peer])
        self.post(peer, call, payload, form)
        self.flush()
        return Transfer(peer, call, done=True)

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving a message that need not be there yet, into `into`, or a new buffer for None."""
        transfer = ReceiveTransfer(peer, call, into)
        self._receives.setdefault(peer, deque()).append(transfer)
        self._pause_s = FIRST_PAUSE_S
        return transfer

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done, or until that time (`time.monotonic()`) where `is_here` can tell."""
        if until < math.inf:
            self._advance_until(transfer, until)
            return
        receives = self._receives.get(transfer.peer)
        while receives and not transfer.done:
            self._fulfil(receives.popleft())

    def _advance_until(self, transfer: Transfer, until: float) -> None:
        self.advance()
        while not transfer.done and (left := until - time.monotonic()) > 0:
            time.sleep(min(self._pause_s, left))
            self.advance()
            if self._action is not None:
                self._action()

    def advance(self) -> None:
        """Move every transfer on that can be moved without waiting."""
        self._pause_s = min(self._pause_s * PAUSE_GROWTH, LAST_PAUSE_S)
        for peer, receives in self._receives.items():
            while receives and self.is_here(peer, receives[0].call):
                self._fulfil(receives.popleft())
                self._pause_s = FIRST_PAUSE_S

    def while_waiting(self, action: Callable[[], None] | None) -> None:
        """Have this done in the waits for transfers, whenever one may be over; None for nothing any more."""
        self._action = action

    def waiting(self) -> Wait:
        """What to wait for before `advance` is worth calling."""
        return Wait({}, time.monotonic() + self._pause_s if any(self._receives.values()) else math.inf)

    def is_here(self, peer: int, call: Call) -> bool:  # noqa: ARG002 - for those that override it
        """Whether `receive` would find the message at once; a channel that cannot tell returns True."""
        return True

    def _fulfil(self, transfer: ReceiveTransfer) -> None:
        peer, call, into = transfer.peer, transfer.call, transfer.into
        self.connect([peer])
        if into is None:
            form, payload = self.take(peer, call)
        else:
            form, payload = self.receive(peer, call, into), into
        transfer.frame = Frame(Header(Kind.DATA, call, form, len(payload)), payload)
        transfer.done = True

    def prefer(self, hint: hints) -> None:  # noqa: B027 - where there is a choice
        """Prefer speed or price from now on; every rank calls this at the same point."""

    # Ending

    def rest(self) -> None:  # noqa: B027 - most channels have nothing to do
        """End the operation: finish what was begun beside it, because nothing moves until the next one."""

    def waits_for_me(self, peer: int) -> Call | None:  # noqa: ARG002 - for channels that can tell
        """The call in which a peer waits here for this rank, with nothing on its way to it; None otherwise.

        Receives what has come, without waiting, and answers peers that want to pair with this rank here.
        Raises PeerFailure or MismatchError if that is what has come.
        """
        return None

    @abc.abstractmethod
    def abort(self, abort: Abort) -> None:
        """Tell every other rank, as far as it can be reached within seconds, and close."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let what was sent arrive, tell the peers, release everything. Does nothing the second time."""
