"""The Direct channel: messages over TCP connections that were punched through the ranks' NATs.

What comes as it is expected the message core receives, where there is one (`fmi.transport.core`). Anything
else comes through the poller, which serves all connections, and is judged here.

Requests move on while the caller computes: `advance` moves them, called by a thread of the communicator, and
so does every wait of another operation.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from fmi._tasks import Wait
from fmi.channels.base import Channel, World
from fmi.channels.direct._peers import LISTEN_AFTER_S, Peers
from fmi.channels.direct._requests import Requests
from fmi.config import Config
from fmi.errors import MismatchError, PeerFailure, Timeout, name_ranks
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, Abort, Call, Frame, Waiting, call_of, pack_rest
from fmi.protocol.transfer import FORM_MASK, OUT_OF_ORDER, ReceiveTransfer, SendTransfer, Transfer
from fmi.transport.connection import Connection
from fmi.transport.core import PATIENCE_S, Outcome, open_core
from fmi.transport.poller import INBOX_LIMIT
from fmi.transport.send_queue import ConnectionLost
from fmi.transport.spin import LOOK_BYTES, ranks_per_core

# A rank that waits for a connected one may really be waiting for a third that never came. The rank that waits
# for the third one itself has to give up first, so that its abort names the right one.
BLAME_AFTER_S = 1.0
# Of larger messages this rank serves its other connections between two parts.
CORE_BYTES = 2 << 20
# A rank that only sends looks for failures of others this often.
LOOK_UP_EVERY_S = 0.1
# How long a check of this channel lasts while a rank waits on another one, and while a peer is pairing.
CHECK_S = 0.01
CHECK_PAIRING_S = 0.25


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:  # noqa: ARG001 - read by `config`
    """The channel that the configuration calls Direct."""
    return DirectChannel(world.rank, world.size, world.name, world.config)


class DirectChannel(Channel):
    """Sends to and receives from the peers that operations and requests need.

    Attributes:
        core: receives what comes as expected; None where everything goes the general way.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__()
        sharing = ranks_per_core(world_size, config.host)
        self._rank = rank
        self._config = config
        self._peers = Peers(
            rank, world_size, comm_name, config, sharing=sharing, on_connected=self._add_connection
        )
        self._poller, self._mismatches = self._peers.poller, self._peers.mismatches
        self._connections = self._peers.connections
        self._requests = Requests()
        self._urgent: dict[Connection, int] = {}
        self._prepared: dict[int, memoryview] = {}
        self._look_up_at = 0.0
        self.oversubscribed = sharing > 1
        self.core = open_core(sharing)

    # Connecting

    def connect(self, peers: Iterable[int]) -> None:
        """Pair with the peers not connected yet, side by side.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
        """
        wanted = set(peers).difference(self._connections)
        if wanted:
            self.setup_seconds += self._peers.connect(wanted)

    def rest(self) -> None:
        """Finish pairing with ranks that notified this one, unless requests go on with it anyway."""
        if self._peers.pairing and not self.outstanding:
            self._peers.rest()

    def _add_connection(self, peer: int, sock: socket.socket) -> None:
        connection = Connection(peer, sock, self._requests.expected[peer])
        self._poller.add(connection)
        for transfer, payload, form in self._requests.early.pop(peer, ()):
            self._send(connection, transfer, payload, form)

    # Sending

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        self._mismatches.enter(call)
        self._look_up()
        self.send_frame(self._connections[peer], call.prefix + pack_rest(form, len(payload)), payload)

    def send_frame(self, connection: Connection, header: bytes, payload: memoryview) -> None:
        """Start sending a data frame; the payload must not change until `flush` returns."""
        if not self._push(connection, header, payload):
            self._urgent[connection] = connection.queue.queued

    def _push(self, connection: Connection, header: bytes, payload: memoryview) -> bool:
        """Send a data frame as far as possible now; False when some of it is left."""
        if connection.abort or connection.left:
            self._poller.check(connection)
            why = f"it closed its communicator before {call_of(header)} of rank {self._rank}"
            raise PeerFailure(connection.peer, why)
        connection.sent += 1
        self.bytes_sent += HEADER_BYTES + len(payload)
        return self._poller.push(connection, header, payload)

    def _look_up(self) -> None:
        """Read what has come now and then: a rank that only sends has to learn of failures too."""
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + LOOK_UP_EVERY_S
            self._poller.poll_now()

    def flush(self) -> None:
        """Wait until everything posted is on its way, and receive what others send meanwhile."""
        if self._urgent:
            self._send_out(self._urgent)
            self._urgent.clear()

    def _send_out(self, marks: dict[Connection, int], deadline: float = math.inf) -> None:
        """Wait until this many of each connection's queued bytes are sent, or until the deadline."""
        self._poller.inbox_limit = math.inf
        self._poller.resume_reading()
        started = time.monotonic()
        while late := [connection for connection, mark in marks.items() if connection.queue.gone < mark]:
            until = max(started, *(connection.last_progress for connection in late)) + self._config.peer_s
            now = time.monotonic()
            if now >= until:
                peers = [connection.peer for connection in late]
                raise Timeout(f"{name_ranks(peers)} took nothing for {self._config.peer_s:g} s", peers)
            if now >= deadline:
                break
            self._peers.wait(self._peers.listen_in_time(started, min(until, deadline)))
        self._poller.inbox_limit = INBOX_LIMIT

    # Receiving

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message; return its form.

        Raises:
            Timeout: the peer did not send in time, or stopped in the middle of the message.
            MismatchError: the peer is in another call than this rank.
        """
        connection = self._connections[peer]
        self._mismatches.enter(call)
        into = self._prepared.pop(peer, into)  # the same memory, in the object that `_accept` compares with
        form = self._receive_expected(connection, call, into)
        if form is None:
            form = self._receive_any(connection, call, into)
        return form & FORM_MASK

    def _receive_expected(self, connection: Connection, call: Call, into: memoryview) -> int | None:
        """Receive a message that comes as a whole, and soon; return its form, or None if it does not."""
        core = self.core
        if core is None or len(into) > CORE_BYTES or not connection.at_frame_boundary:
            return None
        header = call.prefix + pack_rest(0, len(into))
        outcome = core.receive(connection.fd, header, into, self._patience_s())
        if outcome == Outcome.DONE:
            connection.retract()
            connection.received += 1
            self.bytes_received += HEADER_BYTES + len(into)
            return core.form
        self.keep(connection, call, into)
        return None

    def _patience_s(self) -> float:
        """For how long this rank may attend to one connection alone."""
        peers = self._peers
        beside = self._requests.under_way or self._poller.unsent or peers.has_more_to_do
        return 0.0 if beside else PATIENCE_S

    def _receive_any(self, connection: Connection, call: Call, into: memoryview) -> int:
        if not connection.has(call):
            connection.post(call, into)
            self._poller.guarded(connection, connection.read_frames)
            self._await_frame(connection, call, lambda: connection.has(call), spin=len(into) <= LOOK_BYTES)
            connection.retract()
        frame = self._taken(connection, call)
        self._accept(frame, connection.peer, call, into)
        return frame.header.form

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for a message of any length; return its form and payload. Raises as `receive`."""
        connection = self._connections[peer]
        self._mismatches.enter(call)
        if not connection.has(call):
            self._poller.guarded(connection, connection.read_frames)
            self._await_frame(connection, call, lambda: connection.has(call))
        frame = self._taken(connection, call)
        self._accept(frame, peer, call, None)
        return frame.header.form & FORM_MASK, frame.payload

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """Have a message read straight into its buffer, also while this rank waits for another one."""
        connection = self._connections.get(peer)
        if connection and connection.at_frame_boundary:
            connection.post(call, into)
            self._prepared[peer] = into

    def _taken(self, connection: Connection, call: Call) -> Frame:
        frame = connection.take(call)
        self.bytes_received += HEADER_BYTES + frame.header.length
        self._poller.resume_reading()
        return frame

    def _accept(self, frame: Frame, peer: int, call: Call, into: memoryview | None) -> None:
        """Check that this is the awaited message, and copy it into the buffer if it is not there yet."""
        if frame.header.call != call:
            raise self._mismatches.mismatch(call, peer, frame.header.call)
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
        connection: Connection,
        call: Call,
        is_here: Callable[[], bool],
        *,
        spin: bool = True,
        deadline: float = math.inf,
    ) -> None:
        """Wait for a frame, at most until the deadline; without one a wait that cannot end is an error."""
        for other in self._connections.values():
            self._mismatches.check(other)
        self._poller.awaited = connection  # the awaited frame is behind whatever comes first
        self._poller.read_on(connection)
        started = time.monotonic()
        told_peer = deadline < math.inf
        while not is_here():
            self._poller.check(connection)
            if deadline == math.inf:
                self._mismatches.check_deadlock(connection, call)
            if connection.left:
                why = f"it closed its communicator while rank {self._rank} was in {call}"
                raise PeerFailure(connection.peer, why)
            limit = self._config.stall_s if connection.midway else self._config.peer_s
            begun = max(started, connection.last_progress) if connection.midway else started + BLAME_AFTER_S
            until = begun + limit
            if time.monotonic() >= until and not self._has_more(connection):
                self._give_up(connection, call, limit)
            if not told_peer and time.monotonic() >= started + LISTEN_AFTER_S:
                told_peer = True
                header, payload = Waiting(call, connection.received).frame()
                self._poller.push(connection, header.pack(), payload)
            if time.monotonic() >= deadline:
                break
            until = self._peers.listen_in_time(started, min(until, deadline))
            self._peers.wait(until, spin and not connection.midway)
        self._poller.awaited = None

    def _has_more(self, connection: Connection) -> bool:
        """Whether bytes have come that were too few for poll to report."""
        before = connection.last_progress
        self._poller.guarded(connection, connection.read_frames)
        return connection.last_progress > before

    def _give_up(self, connection: Connection, call: Call, limit: float) -> NoReturn:
        what = "stopped in the middle of a message" if connection.midway else "sent nothing"
        why = f"rank {self._rank} in {call}: rank {connection.peer} {what} for {limit:g} s"
        raise Timeout(why, [connection.peer])

    # Persistent calls

    def connection(self, peer: int) -> Connection:
        """The connection to a peer."""
        return self._connections[peer]

    def begin(self, header: bytes | None) -> None:
        """Note the collective call that this rank is in, and look for failures of others now and then."""
        if header is not None:
            self._mismatches.heads.append(header[:CALL_BYTES])
        self._look_up()

    def may_run_alone(self, connections: Iterable[Connection]) -> bool:
        """Whether the core may attend to these connections alone for a moment, and they are ready for it."""
        for connection in connections:
            if not connection.is_quiet:
                return False
        return self._patience_s() > 0

    def keep(self, connection: Connection, call: Call, into: memoryview) -> None:
        """Go on with what the core has received last, if it was not what it should."""
        assert self.core is not None  # noqa: S101 - it has received
        header, count, outcome = self.core.head, self.core.count, self.core.outcome
        self._poller.guarded(connection, lambda: connection.go_on(call, into, header, count))
        if outcome == Outcome.ENDED:
            self._poller.guarded(connection, connection.end)
        elif outcome < 0:
            self._lose(connection, outcome)

    def send_rest(self, connection: Connection, call: Call, payload: memoryview, form: int) -> None:
        """Send what the core could not send of a frame; the payload may change at once."""
        assert self.core is not None  # noqa: S101 - it has sent
        if self.core.outcome < 0:
            self._lose(connection, self.core.outcome)
        frame = call.prefix + pack_rest(form, len(payload)) + payload
        connection.queue.add(frame[self.core.count :])
        connection.sent += 1
        self.bytes_sent += len(frame)
        self._urgent[connection] = connection.queue.queued
        self._poller.note_sending(connection)

    def _lose(self, connection: Connection, outcome: int) -> NoReturn:
        self._poller.lose(connection, ConnectionLost.broken(OSError(-outcome, os.strerror(-outcome))))

    # Requests

    @property
    def outstanding(self) -> bool:
        """Whether requests are under way."""
        return self._requests.under_way > 0 and not self._peers.closed

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is connected; later collective calls may overtake it."""
        transfer = SendTransfer(peer, call)
        connection = self._connections.get(peer)
        if connection:
            self._send(connection, transfer, payload, form)
        else:
            self._requests.early[peer].append((transfer, payload, form))
            self._peers.begin_to_connect(peer)
        if not transfer.done:
            self._requests.add_sending(transfer)
        return transfer

    def _send(self, connection: Connection, transfer: SendTransfer, payload: memoryview, form: int) -> None:
        header = transfer.call.prefix + pack_rest(form | OUT_OF_ORDER, len(payload))
        transfer.done = self._push(connection, header, payload)
        transfer.mark = connection.queue.queued

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving a message that need not be there yet, into `into`, or a new buffer for None."""
        transfer = ReceiveTransfer(peer, call, into)
        self._requests.under_way += 1
        connection = self._connections.get(peer)
        if connection:
            connection.expect(transfer)
            self._poller.read_on(connection)
        else:
            self._requests.expected[peer].append(transfer)
            self._peers.begin_to_connect(peer)
        return transfer

    def advance(self) -> None:
        """Move everything on that can be moved without waiting. Raises what any operation may."""
        if self._peers.pairing:
            self._peers.wait(0.0)
        else:
            self._poller.check_liveness()
            self._poller.poll_now()
        self._settle()

    def while_waiting(self, action: Callable[[], None] | None) -> None:
        """Have this done in every wait, whenever a transfer may be over; None for nothing any more."""
        self._action = action
        self._peers.after_wait = None if action is None else self._act

    def _act(self) -> None:
        self._settle()
        if self._action is not None:
            self._action()

    def waiting(self) -> Wait:
        """What to wait for before `advance` is worth calling."""
        return self._peers.waiting()

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done, or until that time. Raises what any operation may."""
        self._settle()
        while not transfer.done:
            connection = self._connections.get(transfer.peer)
            if connection is None:
                self.setup_seconds += self._peers.connect({transfer.peer}, until)
            elif isinstance(transfer, SendTransfer):
                self._send_out({connection: transfer.mark}, until)
            elif isinstance(transfer, ReceiveTransfer):
                self._await_receive(connection, transfer, until)
            self._settle()
            if time.monotonic() >= until:
                return

    def _await_receive(self, connection: Connection, transfer: ReceiveTransfer, until: float) -> None:
        """Without a deadline, a collective frame in the message's place is a mismatch."""

        def is_here() -> bool:
            return transfer.frame is not None or (until == math.inf and bool(connection.inbox))

        self._await_frame(connection, transfer.call, is_here, deadline=until)
        if transfer.frame is None and connection.inbox and until == math.inf:
            raise self._mismatches.mismatch(transfer.call, connection.peer, connection.inbox[0].header.call)

    def _settle(self) -> None:
        self._requests.settle(self._rank, self._connections, self._accept_request)

    def _accept_request(self, transfer: ReceiveTransfer) -> None:
        assert transfer.frame is not None  # noqa: S101 - it has arrived
        self._accept(transfer.frame, transfer.peer, transfer.call, transfer.into)
        self.bytes_received += HEADER_BYTES + transfer.frame.header.length

    # Other channels

    @property
    def on_idle(self) -> Callable[[Iterable[int]], None] | None:
        """See `Channel`."""
        return self._peers.on_idle

    @on_idle.setter
    def on_idle(self, hook: Callable[[Iterable[int]], None] | None) -> None:
        self._peers.on_idle = hook

    def waits_for_me(self, peer: int) -> Call | None:
        """The call in which a peer waits here for this rank, with nothing on its way to it."""
        self._peers.listen()
        started = time.monotonic()
        hook, self.on_idle = self.on_idle, None
        try:
            # A pairing is a dozen messages; at one a check it would be given up before it is done.
            while time.monotonic() < (until := started + self._check_duration()):
                self._peers.wait(until, spin=False)
        finally:
            self.on_idle = hook
        connection = self._connections.get(peer)
        if connection is None:
            return None
        if connection.left:
            raise PeerFailure(peer, "it closed its communicator")
        waiting = connection.waiting
        return waiting.call if waiting and waiting.received == connection.sent else None

    def _check_duration(self) -> float:
        return CHECK_PAIRING_S if self._peers.pending else CHECK_S

    # Leaving

    def abort(self, abort: Abort) -> None:
        """Send an abort to connected peers, and leave notes for those that wait, or will wait, to pair."""
        self._peers.abort(abort)

    def close(self) -> None:
        """Let what was sent arrive, tell the peers and close the connections."""
        self._peers.close()
