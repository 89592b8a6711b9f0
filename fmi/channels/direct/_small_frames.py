"""Whole frames on links: out in one call, in with another one if they come soon.

Nothing is copied, counted or looked up here that a small message can do without. Whatever is not as usual
goes the way of `fmi.channels.direct._messages`, which has time for it.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from fmi.channels.direct._connections import Connections
from fmi.config import Config
from fmi.errors import PeerFailure
from fmi.protocol.frames import HEADER_BYTES, LENGTH_AT, Call, call_of
from fmi.transport._send_queue import AT_ONCE, BLOCKING, LinkLost
from fmi.transport.connection import Link

LOOK_UP_EVERY_S = 0.1
# For longer a rank does not turn to one link alone: other peers may have failed.
AT_MOST_S = 0.02


class FrameCalls(Connections):
    """Small frames to and from connected peers.

    Attributes:
        urgent: links that `flush` waits for, and for how many of their queued bytes.
        remember: is told how the frames of each collective call begin.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__(rank, world_size, comm_name, config)
        self.urgent: dict[Link, int] = {}
        self.remember = self._agreement.heads.append
        self._look_up_at = 0.0

    def send_frame(self, link: Link, frame: bytearray) -> None:
        """Send a small data frame, which may change at once."""
        if link.abort or link.left:
            self._refuse(link, call_of(frame))
        link.sent += 1
        try:
            sent = 0 if link.sending else link.send(frame, AT_ONCE)
            if sent == len(frame):
                return
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._pump.lose(link, LinkLost.broken(error))
        self._send_rest(link, bytes(frame[sent:]))

    def _send_rest(self, link: Link, rest: bytes) -> None:
        link.queue(rest)
        if not self._pump.guarded(link, link.flush):
            self.urgent[link] = link.queued
        self._pump.note_sending(link)

    def receive_frame(self, link: Link, frame: bytearray, head: bytes, length: bytes = b"") -> bool:
        """Fill a small frame with the next one of a link, if that comes soon and begins as it should.

        Args:
            link: where it comes from.
            frame: as long as what is expected.
            head: its first bytes.
            length: the last bytes of its header, unless they are in `head`.

        Returns:
            False when there is nothing yet, or something else: that is then on its way to the link's inbox.
        """
        if not link.even:
            return False
        try:
            try:
                count = link.recv_into(frame, 0, AT_ONCE)
            except BlockingIOError:
                if not self._may_linger():
                    return False
                count = self._linger(functools.partial(link.recv_into, frame, 0))
        except BlockingIOError:
            return False
        except OSError as error:
            self._pump.lose(link, LinkLost.broken(error))
        if frame.startswith(head) and (not length or frame.startswith(length, LENGTH_AT)):
            if HEADER_BYTES <= count < len(frame):
                count += self._read_on(link, memoryview(frame)[count:], time.monotonic() + AT_MOST_S)
            if count == len(frame):
                link.received += 1
                return True
        self._pump.guarded(link, lambda: link.take_in(frame, count))
        return False

    def _read_on(self, link: Link, rest: memoryview, until: float) -> int:
        """Fill the rest of a frame, as far as it comes without a break; how many bytes came."""
        count = 0
        while count < len(rest):
            more = self._some(link, functools.partial(link.recv_into, rest[count:], 0), until)
            if not more:
                break
            count += more
        return count

    def _some(self, link: Link, read: Callable[[int], int], until: float) -> int | None:
        """How many bytes come soon; None when there are none, or when it is time to look elsewhere.

        Args:
            link: what is read from.
            read: reads with the given flags.
            until: when it is time.
        """
        try:
            try:
                return read(AT_ONCE)
            except BlockingIOError:
                if not self._may_linger() or time.monotonic() >= until:
                    return None
                return self._linger(read)
        except BlockingIOError:
            return None
        except OSError as error:
            self._pump.lose(link, LinkLost.broken(error))

    def link(self, peer: int) -> Link:
        """The connection to a peer."""
        return self._links[peer]

    def _may_linger(self) -> bool:
        """Whether there is nothing else to look after for a moment."""
        return not (
            self._pump.unsent or self.outstanding or self.on_wait is not None or not self._company.idle
        )

    def _linger(self, read: Callable[[int], int]) -> int:
        """Look for a moment, then sleep for a little longer; how many bytes came.

        Args:
            read: reads from a link with the given flags.

        Raises:
            BlockingIOError: nothing came.
        """
        spin = self._spin
        for _ in spin.turns():
            try:
                count = read(AT_ONCE)
            except BlockingIOError:
                continue
            spin.found()
            return count
        if not BLOCKING:
            raise BlockingIOError
        began = time.monotonic()
        count = read(socket.MSG_WAITALL)
        spin.slept(time.monotonic() - began)
        return count

    def look_up(self) -> None:
        """Take in what has come, now and then: a rank that only sends has to hear of failures too."""
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + LOOK_UP_EVERY_S
            self._pump.turn_at_once()

    def _refuse(self, link: Link, call: Call) -> NoReturn:
        self._pump.check(link)
        raise PeerFailure(link.peer, f"it closed its communicator before {call} of rank {self._rank}")
