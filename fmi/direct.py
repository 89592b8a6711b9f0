"""The Direct channel: TCP connections between the ranks, punched through their NATs with a server's help."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import NoReturn

from fmi.channel import Channel
from fmi.company import Company
from fmi.config import Config
from fmi.crowd import cores, is_crowded
from fmi.errors import FMIError, MismatchError, PeerFailure, Timeout, name_ranks
from fmi.farewell import part
from fmi.frames import HEADER_BYTES, NO_CALL, Abort, Call, Frame, Header, Kind, Operation, Waiting, pack_rest
from fmi.link import SMALL_BYTES, Link, LinkLost
from fmi.pairing import derive
from fmi.pulse import SILENCE_S, Pulse
from fmi.rendezvous import leave_notes
from fmi.spin import Spin, pause
from fmi.tasks import READ, WRITE, Wait, milliseconds_until, poll
from fmi.transfer import FORM_MASK, Expected

# A receiver takes in this much from ranks it is not waiting for; a sender takes in all, or two could block
# each other.
INBOX_LIMIT = 64 << 20
FAREWELL_S = 30.0
ABORT_FAREWELL_S = 1.0
# A rank that is pairing with this one at the moment of an abort would not look for a note for seconds.
ABORT_PAIRING_S = 0.2
# A rank that has waited this long tells whom it waits for, and lets others pair with it meanwhile.
LISTEN_AFTER_S = 0.1
LATE_PAIRING_S = 1.0
LOOK_UP_EVERY_S = 0.1
# Who waits for a connected rank may really be waiting for one that never came. Whoever waits for that one
# itself gives up first, and its abort names the right one.
HEARSAY_S = 1.0
# A wait is interrupted this often to look at other channels, if there are any.
LOOK_BESIDE_S = 1.0
# How long such a look at this channel lasts, and how long while a peer is pairing with this rank.
GLANCE_S = 0.01
PAIR_BESIDE_S = 0.25
# So many of its last collective calls a rank can name when another turns out to have been in a different one.
REMEMBERED_CALLS = 16


class Direct(Channel):
    """TCP connections to the peers that operations need, made when they first need them.

    One thread at a time does everything: while it waits for one peer it takes in what others send and
    notices when they die.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__()
        self._rank = rank
        self._world_size = world_size
        self._comm_name = comm_name
        self._config = config
        self._company = Company(
            rank, world_size, comm_name, config, strangers=self._strangers, on_paired=self._add_link
        )
        self._links: dict[int, Link] = {}
        self._by_descriptor: dict[int, Link] = {}
        self._poller = select.poll()
        self._unread: set[Link] = set()
        self._unsent: set[Link] = set()
        self._awaited: Link | None = None
        self._urgent: dict[Link, int] = {}
        self._expected: defaultdict[int, deque[Expected]] = defaultdict(deque)
        self._pulse = Pulse()
        self._prepared: dict[int, memoryview] = {}
        self._look_up_at = 0.0
        self._spin = Spin(crowded=world_size > cores())
        self.crowded = is_crowded(world_size, config.host)
        self._inbox_limit: float = INBOX_LIMIT
        self._calls: deque[Call] = deque([NO_CALL], REMEMBERED_CALLS)
        self._look_beside_at = 0.0
        self._closed = False

    # Connecting

    def connect(self, peers: Iterable[int]) -> None:
        """Pair with the peers not connected yet, side by side.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
        """
        wanted = set(peers).difference(self._links)
        if wanted:
            self._pair_with(wanted)

    def _pair_with(self, wanted: set[int], deadline: float = math.inf) -> None:
        started = time.monotonic()
        until = started + self._config.peer_s
        self._company.invite(wanted)
        while missing := wanted - self._links.keys():
            if time.monotonic() >= until:
                limit = f"{self._config.peer_s:g} s"
                why = self._company.describe_failures(missing)
                raise Timeout(
                    f"rank {self._rank} waited {limit} for {name_ranks(missing)} to connect{why}", missing
                )
            if time.monotonic() >= deadline:
                break
            self._wait(min(until, deadline))
        self.setup_seconds += time.monotonic() - started

    def rest(self) -> None:
        """Finish pairing with ranks that rang meanwhile: they are waiting for it at this moment."""
        if self._company.idle:
            return
        self._company.stop_listening()
        until = time.monotonic() + LATE_PAIRING_S
        while self._company.pending and time.monotonic() < until:
            self._wait(until)
        self._company.close()

    def _strangers(self) -> set[int]:
        return set(range(self._world_size)) - self._links.keys() - {self._rank}

    def _add_link(self, peer: int, sock: socket.socket) -> None:
        link = Link(peer, sock, self._expected[peer])
        self._links[peer] = link
        self._by_descriptor[link.fileno()] = link
        self._poller.register(link.fileno(), READ)

    # Messages

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        link = self._links[peer]
        if call is not self._calls[-1]:
            self._enter(call)
        self._look_up()
        if link.abort or link.left:
            self._refuse(link, call)
        size = len(payload)
        link.sent += 1
        self.bytes_sent += HEADER_BYTES + size
        if not self._push(link, call.prefix + pack_rest(form, size), payload):
            self._urgent[link] = link.queued

    def _look_up(self) -> None:
        """Take in what has come, now and then: a rank that only sends has to hear of failures too."""
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + LOOK_UP_EVERY_S
            self._handle(self._poller.poll(0))

    def _refuse(self, link: Link, call: Call) -> NoReturn:
        self._check(link)
        raise PeerFailure(link.peer, f"it closed its communicator before {call} of rank {self._rank}")

    def _push(self, link: Link, header: bytes, payload: memoryview | bytes) -> bool:
        try:
            sent = link.push(header, payload)
        except LinkLost as lost:
            self._lose(link, lost)
        if not sent:
            self._unsent.add(link)
            self._watch(link)
        elif self._unsent and link in self._unsent:
            self._unsent.discard(link)
            self._watch(link)
        return sent

    def flush(self) -> None:
        """Wait until everything posted is on its way, and take in what others send meanwhile."""
        if self._urgent:
            self._send_out(self._urgent)
            self._urgent.clear()

    def _send_out(self, marks: dict[Link, int], deadline: float = math.inf) -> None:
        """Wait until so many of each link's queued bytes are sent, or until the deadline."""
        self._inbox_limit = math.inf
        self._resume_reading()
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
        self._inbox_limit = INBOX_LIMIT

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message; returns its form.

        Raises:
            Timeout: the peer did not send in time, or stopped in the middle of the message.
            MismatchError: the peer is in another call than this rank.
        """
        link = self._links[peer]
        if call is not self._calls[-1]:
            self._enter(call)
        size = len(into)
        if size <= SMALL_BYTES and link.even and not link.aside:
            form = self._receive_small(link, call, into)
            if form is not None:
                self.bytes_received += HEADER_BYTES + size
                return form & FORM_MASK
        into = self._prepared.pop(peer, into)  # the same memory, but what `_accept` can tell
        if not link.has(call):
            link.post(call, into)
            self._guarded(link, link.pump)
            self._await_frame(link, call, lambda: link.has(call), look=len(into) > SMALL_BYTES)
            link.post(call, None)
        frame = self._taken(link, call)
        self._accept(frame, peer, call, into)
        return frame.header.form & FORM_MASK

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for the peer's next message, however long; its form and its payload. Raises as `receive`."""
        link = self._links[peer]
        self._enter(call)
        if not link.has(call):
            self._guarded(link, link.pump)
            self._await_frame(link, call, lambda: link.has(call))
        frame = self._taken(link, call)
        self._accept(frame, peer, call, None)
        return frame.header.form & FORM_MASK, frame.payload

    def _taken(self, link: Link, call: Call) -> Frame:
        frame = link.take(call)
        self.bytes_received += HEADER_BYTES + frame.header.length
        if self._unread:
            self._resume_reading()
        return frame

    def _accept(self, frame: Frame, peer: int, call: Call, into: memoryview | None) -> None:
        """See that this is the message that was waited for, and that it is where it belongs."""
        if frame.header.call != call:
            raise self._mismatch(call, peer, frame.header.call)
        if into is None or frame.payload is into:
            return
        if len(frame.payload) != len(into):
            raise MismatchError(
                f"rank {self._rank} in {call} expects {len(into)} bytes, "
                f"but rank {peer} sent {len(frame.payload)}"
            )
        into[:] = frame.payload

    def _receive_small(self, link: Link, call: Call, into: memoryview) -> int | None:
        """The message if it is there, or comes while looking for it; None to wait for it in earnest."""
        try:
            form = link.receive(call.prefix, into)
            if form is None and self._spin.budget_s and link.even and not self._unsent:
                form = link.receive(call.prefix, into, time.monotonic() + self._spin.budget_s)
        except LinkLost as lost:
            self._lose(link, lost)
        return form

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """Have a large message come straight into its buffer, also while this rank waits for another one."""
        link = self._links.get(peer)
        if link and link.even and len(into) > SMALL_BYTES:
            link.post(call, into)
            self._prepared[peer] = into

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
            self._check_call(other)
        self._heed(link)
        started = time.monotonic()
        said_so = deadline < math.inf
        while not is_here():
            self._check(link)
            if deadline == math.inf:
                self._check_deadlock(link, call)
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
                self._push(link, header.pack(), payload)
            if time.monotonic() >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)), look)
        self._awaited = None

    def _has_more(self, link: Link) -> bool:
        """Whether something came that was too little to be told of."""
        before = link.last_progress
        self._guarded(link, link.pump)
        return link.last_progress > before

    def _heed(self, link: Link) -> None:
        """Read from this link however much there is that nobody has asked for: what is wanted lies behind."""
        self._awaited = link
        self._read_on(link)

    def _read_on(self, link: Link) -> None:
        if link in self._unread:
            self._unread.discard(link)
            self._watch(link)

    # Agreeing on the call

    def _enter(self, call: Call) -> None:
        """Remember the collective call that this rank is in."""
        if call.operation is not Operation.SEND and call.sequence != self._calls[-1].sequence:
            self._calls.append(call)

    def _check_call(self, link: Link) -> None:
        """Raise MismatchError if a peer, whichever this rank waits for, is in another call than this rank.

        Otherwise two ranks that take different ones for the root would both wait for somebody else.
        """
        mine = self._calls[-1]
        if link.inbox:
            theirs = link.inbox[0].header.call
            agreed = theirs.operation is Operation.SEND or theirs == mine or theirs.is_after(mine)
            if not agreed:
                raise self._mismatch(mine, link.peer, theirs)
        if link.waiting and link.waiting.call.operation is not Operation.SEND:
            theirs = link.waiting.call
            if theirs.sequence == mine.sequence and theirs != mine:
                raise self._deadlock(mine, link.peer, theirs)

    def _check_deadlock(self, link: Link, call: Call) -> None:
        """Raise MismatchError if the peer that this rank waits for in `call` waits for this rank itself."""
        if link.waiting and not link.midway and link.waiting.received == link.sent:
            raise self._deadlock(call, link.peer, link.waiting.call)

    def _deadlock(self, mine: Call, peer: int, theirs: Call) -> MismatchError:
        return MismatchError(f"rank {self._rank} is in {mine}, but rank {peer} waits for it in {theirs}")

    def _mismatch(self, mine: Call, peer: int, theirs: Call) -> MismatchError:
        for earlier in self._calls:
            if (
                theirs.operation is not Operation.SEND
                and earlier.sequence == theirs.sequence != mine.sequence
            ):
                return MismatchError(f"rank {self._rank} was in {earlier}, but rank {peer} sent it {theirs}")
        return MismatchError(f"rank {self._rank} is in {mine}, but rank {peer} sent it {theirs}")

    # Waiting

    def _wait(self, until: float, look: bool = True) -> None:
        """Let everything go on that can, or sleep until something can or the time has come.

        Args:
            until: the time.
            look: look for a moment before sleeping.
        """
        self._feel_pulse()
        until = min(until, self._pulse.due)
        if self.on_wait is not None:
            until = self._beside_others(until)
        if self._company.idle:
            self._handle((look and self._look()) or self._sleep(until))
            return
        wait = self._company.wait(until)
        links = {fd: self._events(link) for fd, link in self._by_descriptor.items()}
        ready = poll(Wait({**wait.sockets, **links}, wait.until))
        self._handle([(fd, ready[fd]) for fd in links if fd in ready])
        self._company.advance(ready)

    def _feel_pulse(self) -> None:
        link = self._pulse.lost(self._by_descriptor.values())
        if link:
            self._lose(link, LinkLost(f"its host has answered nothing for {SILENCE_S:g} s"))

    def _beside_others(self, until: float) -> float:
        """Where there are other channels, wake up and look at them as often as `Channel.on_wait` says."""
        now = time.monotonic()
        if now >= self._look_beside_at:
            self._look_beside_at = now + LOOK_BESIDE_S
            peers = {self._awaited.peer} if self._awaited else self._company.pending
            assert self.on_wait is not None  # noqa: S101 - this is called only where it is set
            self.on_wait(peers)
        return min(until, self._look_beside_at)

    def awaits(self, peer: int) -> Call | None:
        """In which call a peer waits here for this rank, with nothing on its way to it."""
        self._company.listen()
        started = time.monotonic()
        hook, self.on_wait = self.on_wait, None
        try:
            # A pairing is a dozen messages to and fro; at one a look it would be given up before it is done.
            while time.monotonic() < (until := started + self._look_lasts()):
                self._wait(until, look=False)
        finally:
            self.on_wait = hook
        link = self._links.get(peer)
        if link is None:
            return None
        if link.left:
            raise PeerFailure(peer, "it closed its communicator")
        return link.waiting.call if link.waiting and link.waiting.received == link.sent else None

    def _look_lasts(self) -> float:
        return PAIR_BESIDE_S if self._company.pending else GLANCE_S

    def _look(self) -> list[tuple[int, int]]:
        """What is ready now or within the moment in which looking is cheaper than sleeping."""
        ready = self._poller.poll(0)
        if ready or not self._spin.budget_s:
            return ready
        until = time.monotonic() + self._spin.budget_s
        while not ready and time.monotonic() < until:
            pause()
            ready = self._poller.poll(0)
        return ready

    def _sleep(self, until: float) -> list[tuple[int, int]]:
        began = time.monotonic()
        ready = self._poller.poll(milliseconds_until(until))
        if ready:
            self._spin.slept(time.monotonic() - began)
        return ready

    def _listen_in_time(self, started: float, until: float) -> float:
        """Listen for ranks that want to pair once the wait has lasted; returns how long to wait for now."""
        if time.monotonic() < started + LISTEN_AFTER_S:
            return min(until, started + LISTEN_AFTER_S)
        self._company.listen()
        return until

    def _handle(self, ready: Iterable[tuple[int, int]]) -> None:
        for descriptor, events in ready:
            link = self._by_descriptor[descriptor]
            if events & WRITE and self._guarded(link, link.flush):
                self._unsent.discard(link)
                self._watch(link)
            if events & ~WRITE:
                self._guarded(link, link.pump)
                if link.ended:
                    self._forget(link)
                elif link.inbox_bytes > self._inbox_limit and link is not self._awaited and not link.expected:
                    self._unread.add(link)
                    self._watch(link)
            self._check(link)
            self._check_call(link)

    def _guarded(self, link: Link, action: Callable[[], bool | None]) -> bool:
        """Do something on a link; a lost connection becomes the peer's failure."""
        try:
            return bool(action())
        except LinkLost as lost:
            self._lose(link, lost)

    def _lose(self, link: Link, lost: LinkLost) -> NoReturn:
        self._forget(link)
        with contextlib.suppress(LinkLost):
            link.pump(math.inf)  # an abort may have come in just before the connection broke
        self._check(link)
        reason = "it closed its communicator" if link.left else str(lost)
        raise PeerFailure(link.peer, reason) from lost

    def _check(self, link: Link) -> None:
        if link.abort:
            _raise(link.abort)

    def _watch(self, link: Link) -> None:
        """Have poll report what this link waits for now."""
        if link.fileno() in self._by_descriptor:
            self._poller.modify(link.fileno(), self._events(link))

    def _events(self, link: Link) -> int:
        return (WRITE if link.sending else 0) | (0 if link in self._unread else READ)

    def _resume_reading(self) -> None:
        for link in [link for link in self._unread if link.inbox_bytes <= self._inbox_limit]:
            self._unread.discard(link)
            self._watch(link)

    def _forget(self, link: Link) -> None:
        if self._by_descriptor.pop(link.fileno(), None):
            self._poller.unregister(link.fileno())

    # Ending

    def abort(self, abort: Abort) -> None:
        """Send an abort to connected peers, and leave notes for those that wait, or will wait, to pair."""
        if self._closed:
            return
        self._company.stop_listening()
        until = time.monotonic() + ABORT_PAIRING_S
        while self._company.pending and time.monotonic() < until:
            with contextlib.suppress(FMIError):  # they tell what this rank knows: that the world has failed
                self._wait(until)
        strangers = self._strangers()
        self._close(Kind.ABORT, abort.pack(), ABORT_FAREWELL_S)
        secret, name = self._config.secret, self._comm_name
        pairs = [derive(secret, name, self._rank, peer, self._world_size) for peer in strangers]
        leave_notes(self._company.rendezvous, pairs, abort)

    def close(self) -> None:
        """Let what was sent arrive, say goodbye and close the connections."""
        if not self._closed:
            self._close(Kind.BYE, b"", FAREWELL_S)

    def _close(self, kind: Kind, payload: bytes, limit_s: float) -> None:
        self._closed = True
        self._company.close()
        links = list(self._links.values())
        part(links, Header(kind, NO_CALL, 0, len(payload)), payload, limit_s)
        self._links.clear()
        self._by_descriptor.clear()


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
