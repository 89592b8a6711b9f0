"""The Direct channel: messages over TCP connections that were punched through the ranks' NATs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from fmi.channels.direct._connections import LISTEN_AFTER_S
from fmi.channels.direct._large_frames import LargeFrames
from fmi.config import Config
from fmi.errors import MismatchError, PeerFailure, Timeout, name_ranks
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, LENGTH_AT, Call, Frame, Waiting, pack_rest
from fmi.protocol.transfer import FORM_MASK
from fmi.transport._frame_reader import SMALL_BYTES
from fmi.transport.connection import Link
from fmi.transport.poller import INBOX_LIMIT

# Who waits for a connected rank may really be waiting for one that never came. Whoever waits for that one
# itself gives up first, and its abort names the right one.
HEARSAY_S = 1.0


class Direct(LargeFrames):
    """Sends to and receives from the peers that are connected."""

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__(rank, world_size, comm_name, config)
        self._prepared: dict[int, memoryview] = {}

    # Sending

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        self._agreement.enter(call)
        self.look_up()
        self.send_large(self._links[peer], call.prefix + pack_rest(form, len(payload)), payload)

    def flush(self) -> None:
        """Wait until everything posted is on its way, and take in what others send meanwhile."""
        if self.urgent:
            self._send_out(self.urgent)
            self.urgent.clear()

    def _send_out(self, marks: dict[Link, int], deadline: float = math.inf) -> None:
        """Wait until so many of each link's queued bytes are sent, or until the deadline."""
        self._pump.inbox_limit = math.inf
        self._pump.resume_reading()
        started = time.monotonic()
        while late := [link for link, mark in marks.items() if link.gone < mark]:
            until = max(started, *(link.last_progress for link in late)) + self._config.peer_s
            now = time.monotonic()
            if now >= until:
                peers = [link.peer for link in late]
                raise Timeout(f"{name_ranks(peers)} took nothing for {self._config.peer_s:g} s", peers)
            if now >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)))
        self._pump.inbox_limit = INBOX_LIMIT

    # Receiving

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message; returns its form.

        Raises:
            Timeout: the peer did not send in time, or stopped in the middle of the message.
            MismatchError: the peer is in another call than this rank.
        """
        link = self._links[peer]
        self._agreement.enter(call)
        into = self._prepared.pop(peer, into)  # the same memory, but what `_accept` can tell
        if len(into) <= SMALL_BYTES:
            form = self._receive_small(link, call, into)
        else:
            form = self.receive_large(link, call.prefix, into)
        if form is not None:
            return form & FORM_MASK
        if not link.has(call):
            link.post(call, into)
            self._pump.guarded(link, link.pump)
            self._await_frame(link, call, lambda: link.has(call), look=len(into) > SMALL_BYTES)
            link.retract()
        frame = self._taken(link, call)
        self._accept(frame, peer, call, into)
        return frame.header.form & FORM_MASK

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for the peer's next message, however long; its form and its payload. Raises as `receive`."""
        link = self._links[peer]
        self._agreement.enter(call)
        if not link.has(call):
            self._pump.guarded(link, link.pump)
            self._await_frame(link, call, lambda: link.has(call))
        frame = self._taken(link, call)
        self._accept(frame, peer, call, None)
        return frame.header.form & FORM_MASK, frame.payload

    def _receive_small(self, link: Link, call: Call, into: memoryview) -> int | None:
        """The form of a message that comes as a whole and soon; None to wait for it in earnest."""
        frame = bytearray(HEADER_BYTES + len(into))
        length = pack_rest(0, len(into))[LENGTH_AT - CALL_BYTES :]
        if not self.receive_frame(link, frame, call.prefix, length):
            return None
        self.bytes_received += len(frame)
        into[:] = memoryview(frame)[HEADER_BYTES:]
        return frame[CALL_BYTES]

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """Have a large message come straight into its buffer, also while this rank waits for another one."""
        link = self._links.get(peer)
        if link and link.even and len(into) > SMALL_BYTES:
            link.post(call, into)
            self._prepared[peer] = into

    def _taken(self, link: Link, call: Call) -> Frame:
        frame = link.take(call)
        self.bytes_received += HEADER_BYTES + frame.header.length
        self._pump.resume_reading()
        return frame

    def _accept(self, frame: Frame, peer: int, call: Call, into: memoryview | None) -> None:
        """See that this is the message that was waited for, and that it is where it belongs."""
        if frame.header.call != call:
            raise self._agreement.mismatch(call, peer, frame.header.call)
        if into is None or frame.payload is into:
            return
        if len(frame.payload) != len(into):
            raise MismatchError(
                f"rank {self._rank} in {call} expects {len(into)} bytes, "
                f"but rank {peer} sent {len(frame.payload)}"
            )
        into[:] = frame.payload

    def _await_frame(
        self,
        link: Link,
        call: Call,
        is_here: Callable[[], bool],
        look: bool = True,
        deadline: float = math.inf,
    ) -> None:
        """Wait until a frame is here, or the deadline; without one a wait that cannot end is an error."""
        for other in self._links.values():
            self._agreement.check(other)
        self._heed(link)
        started = time.monotonic()
        said_so = deadline < math.inf
        while not is_here():
            self._pump.check(link)
            if deadline == math.inf:
                self._agreement.check_deadlock(link, call)
            if link.left:
                raise PeerFailure(
                    link.peer, f"it closed its communicator while rank {self._rank} was in {call}"
                )
            limit = self._config.stall_s if link.midway else self._config.peer_s
            begun = max(started, link.last_progress) if link.midway else started + HEARSAY_S
            until = begun + limit
            if time.monotonic() >= until and not self._has_more(link):
                what = "stopped in the middle of a message" if link.midway else "sent nothing"
                raise Timeout(
                    f"rank {self._rank} in {call}: rank {link.peer} {what} for {limit:g} s", [link.peer]
                )
            if not said_so and time.monotonic() >= started + LISTEN_AFTER_S:
                said_so = True
                header, payload = Waiting(call, link.received).frame()
                self._pump.push(link, header.pack(), payload)
            if time.monotonic() >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)), look)
        self._pump.awaited = None

    def _has_more(self, link: Link) -> bool:
        """Whether something came that was too little to be told of."""
        before = link.last_progress
        self._pump.guarded(link, link.pump)
        return link.last_progress > before

    def _heed(self, link: Link) -> None:
        """Read from this link however much there is that nobody has asked for: what is wanted lies behind."""
        self._pump.awaited = link
        self._pump.read_on(link)
