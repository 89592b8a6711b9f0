"""All links of one rank: what is ready is read and written, and whoever is gone is noticed."""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

from fmi._tasks import READ, WRITE, milliseconds_until
from fmi.errors import MismatchError, PeerFailure
from fmi.protocol.frames import Abort
from fmi.transport._send_queue import LinkLost
from fmi.transport.connection import Link
from fmi.transport.liveness import SILENCE_S, Pulse
from fmi.transport.mismatch import Agreement
from fmi.transport.spin import Spin

# A receiver takes in this much from ranks it is not waiting for; a sender takes in all, or two could block
# each other.
INBOX_LIMIT = 64 << 20


class Pump:
    """Moves bytes on links, without ever waiting for one of them alone.

    Args:
        agreement: what to hold against the calls that others are in.
        spin: how long to look before sleeping.

    Attributes:
        links: by rank.
        awaited: the link that is read however much there is that nobody has asked for.
        inbox_limit: how much others may send beforehand.
        unsent: links that have something in their outbox.
    """

    def __init__(self, agreement: Agreement, spin: Spin) -> None:
        self.links: dict[int, Link] = {}
        self.awaited: Link | None = None
        self.inbox_limit: float = INBOX_LIMIT
        self.unsent: set[Link] = set()
        self._agreement = agreement
        self._spin = spin
        self._pulse = Pulse()
        self._by_descriptor: dict[int, Link] = {}
        self._poller = select.poll()
        self._unread: set[Link] = set()

    def add(self, link: Link) -> None:
        """Look after a connection from now on."""
        self.links[link.peer] = link
        self._by_descriptor[link.fileno()] = link
        self._poller.register(link.fileno(), READ)

    def clear(self) -> None:
        """Look after nothing any more."""
        self.links.clear()
        self._by_descriptor.clear()

    # Sleeping and waking

    @property
    def due(self) -> float:
        """When the peers' hosts are looked after next."""
        return self._pulse.due

    def feel_pulse(self) -> None:
        """Raise PeerFailure if a peer's host has vanished without a word."""
        link = self._pulse.lost(self._by_descriptor.values())
        if link:
            self.lose(link, LinkLost(f"its host has answered nothing for {SILENCE_S:g} s"))

    def sockets(self) -> dict[int, int]:
        """What to poll for, by descriptor."""
        return {fd: self._events(link) for fd, link in self._by_descriptor.items()}

    def turn(self, until: float, look: bool) -> None:
        """Move what can be moved, or sleep until something can or the time has come.

        Args:
            until: the time.
            look: look for a moment before sleeping.
        """
        self.handle((look and self._look()) or self._sleep(until))

    def turn_at_once(self) -> None:
        """Move what can be moved now."""
        self.handle(self._poller.poll(0))

    def _look(self) -> list[tuple[int, int]]:
        """What is ready now or within the moment in which looking is cheaper than sleeping."""
        ready = self._poller.poll(0)
        if ready:
            return ready
        for _ in self._spin.turns():
            if ready := self._poller.poll(0):
                self._spin.found()
                break
        return ready

    def _sleep(self, until: float) -> list[tuple[int, int]]:
        began = time.monotonic()
        ready = self._poller.poll(milliseconds_until(until))
        if ready:
            self._spin.slept(time.monotonic() - began)
        return ready

    def handle(self, ready: Iterable[tuple[int, int]]) -> None:
        """Do what poll says can be done. Raises what the peers' failures and calls give reason for."""
        for descriptor, events in ready:
            link = self._by_descriptor.get(descriptor)
            if link is None:
                continue
            if events & WRITE and self.guarded(link, link.flush):
                self.unsent.discard(link)
                self._watch(link)
            if events & ~WRITE:
                self._read(link)
            self.check(link)
            self._agreement.check(link)

    def _read(self, link: Link) -> None:
        self.guarded(link, link.pump)
        if link.ended:
            self._forget(link)
        elif link.inbox_bytes > self.inbox_limit and link is not self.awaited and not link.expected:
            self._unread.add(link)
            self._watch(link)

    # One link

    def push(self, link: Link, header: bytes, payload: memoryview | bytes) -> bool:
        """Send a frame as far as possible now; False when some of it is left."""
        try:
            sent = link.push(header, payload)
        except LinkLost as lost:
            self.lose(link, lost)
        self.note_sending(link)
        return sent

    def note_sending(self, link: Link) -> None:
        """See that what is in a link's outbox is sent when there is room."""
        if link.sending:
            self.unsent.add(link)
            self._watch(link)
        elif self.unsent and link in self.unsent:
            self.unsent.discard(link)
            self._watch(link)

    def guarded(self, link: Link, action: Callable[[], bool | None]) -> bool:
        """Do something on a link; a lost connection becomes the peer's failure."""
        try:
            return bool(action())
        except LinkLost as lost:
            self.lose(link, lost)

    def lose(self, link: Link, lost: LinkLost) -> NoReturn:
        """Raise what the loss of a connection means."""
        self._forget(link)
        with contextlib.suppress(LinkLost):
            link.pump(math.inf)  # an abort may have come in just before the connection broke
        self.check(link)
        reason = "it closed its communicator" if link.left else str(lost)
        raise PeerFailure(link.peer, reason) from lost

    def check(self, link: Link) -> None:
        """Raise what the peer gave up for, if it did."""
        if link.abort:
            _raise(link.abort)

    def read_on(self, link: Link) -> None:
        """Read from this link however much it has that nobody has asked for."""
        if link in self._unread:
            self._unread.discard(link)
            self._watch(link)

    def resume_reading(self) -> None:
        """Read on from links of which enough was taken."""
        for link in [link for link in self._unread if link.inbox_bytes <= self.inbox_limit]:
            self.read_on(link)

    def _watch(self, link: Link) -> None:
        """Have poll report what this link waits for now."""
        if link.fileno() in self._by_descriptor:
            self._poller.modify(link.fileno(), self._events(link))

    def _events(self, link: Link) -> int:
        return (WRITE if link.sending else 0) | (0 if link in self._unread else READ)

    def _forget(self, link: Link) -> None:
        if self._by_descriptor.pop(link.fileno(), None):
            self._poller.unregister(link.fileno())


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
