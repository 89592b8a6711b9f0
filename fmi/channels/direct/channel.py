"""The Direct channel: messages over TCP connections that were punched through the ranks' NATs.

Requests move on while the caller computes: `advance` moves them, called by a thread of the communicator, and
so does every wait of another operation.
"""

from __future__ import annotations

import math
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from fmi._tasks import Wait
from fmi.channels.base import Channel, World
from fmi.channels.direct._connections import LISTEN_AFTER_S
from fmi.channels.direct.frames import FramedConnections
from fmi.config import Config
from fmi.errors import MismatchError, PeerFailure, Timeout, name_ranks
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, LENGTH_AT, Call, Frame, Waiting, pack_rest
from fmi.protocol.transfer import FORM_MASK, OUT_OF_ORDER, ReceiveTransfer, SendTransfer, Transfer
from fmi.transport.connection import Connection
from fmi.transport.frame_reader import SMALL_BYTES
from fmi.transport.poller import INBOX_LIMIT

# A rank that waits for a connected one may really be waiting for a third that never came. The rank that waits
# for the third one itself has to give up first, so that its abort names the right one.
BLAME_AFTER_S = 1.0


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:  # noqa: ARG001 - read by `config`
    """The channel that the configuration calls Direct."""
    return DirectChannel(world.rank, world.size, world.name, world.config)


class DirectChannel(FramedConnections):
    """Sends to and receives from the peers that operations and requests need."""

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__(rank, world_size, comm_name, config)
        self._prepared: dict[int, memoryview] = {}
        self._under_way = 0
        self._sending: defaultdict[int, deque[SendTransfer]] = defaultdict(deque)
        self._early: defaultdict[int, list[tuple[SendTransfer, memoryview, int]]] = defaultdict(list)

    # Sending

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        self._mismatches.enter(call)
        self.look_up()
        self.send_large(self._connections[peer], call.prefix + pack_rest(form, len(payload)), payload)

    def flush(self) -> None:
        """Wait until everything posted is on its way, and receive what others send meanwhile."""
        if self.urgent:
            self._send_out(self.urgent)
            self.urgent.clear()

    def _send_out(self, marks: dict[Connection, int], deadline: float = math.inf) -> None:
        """Wait until this many of each connection's queued bytes are sent, or until the deadline."""
        self._poller.inbox_limit = math.inf
        self._poller.resume_reading()
        started = time.monotonic()
        while late := [connection for connection, mark in marks.items() if connection.gone < mark]:
            until = max(started, *(connection.last_progress for connection in late)) + self._config.peer_s
            now = time.monotonic()
            if now >= until:
                peers = [connection.peer for connection in late]
                raise Timeout(f"{name_ranks(peers)} took nothing for {self._config.peer_s:g} s", peers)
            if now >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)))
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
        if len(into) <= SMALL_BYTES:
            form = self._receive_small(connection, call, into)
        else:
            form = self.receive_large(connection, call.prefix, into)
        if form is not None:
            return form & FORM_MASK
        if not connection.has(call):
            connection.post(call, into)
            self._poller.guarded(connection, connection.read_frames)
            self._await_frame(connection, call, lambda: connection.has(call), spin=len(into) > SMALL_BYTES)
            connection.retract()
        frame = self._taken(connection, call)
        self._accept(frame, peer, call, into)
        return frame.header.form & FORM_MASK

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

    def _receive_small(self, connection: Connection, call: Call, into: memoryview) -> int | None:
        """Receive a message that comes as a whole and soon; return its form, or None if it does not."""
        frame = bytearray(HEADER_BYTES + len(into))
        length = pack_rest(0, len(into))[LENGTH_AT - CALL_BYTES :]
        if not self.receive_frame(connection, frame, call.prefix, length):
            return None
        self.bytes_received += len(frame)
        into[:] = memoryview(frame)[HEADER_BYTES:]
        return frame[CALL_BYTES]

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """Have a large message read straight into its buffer, also while this rank waits for another one."""
        connection = self._connections.get(peer)
        if connection and connection.at_frame_boundary and len(into) > SMALL_BYTES:
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
        spin: bool = True,
        deadline: float = math.inf,
    ) -> None:
        """Wait for a frame, at most until the deadline; without one a wait that cannot end is an error."""
        for other in self._connections.values():
            self._mismatches.check(other)
        self._read_wanted(connection)
        started = time.monotonic()
        told_peer = deadline < math.inf
        while not is_here():
            self._poller.check(connection)
            if deadline == math.inf:
                self._mismatches.check_deadlock(connection, call)
            if connection.left:
                raise PeerFailure(
                    connection.peer, f"it closed its communicator while rank {self._rank} was in {call}"
                )
            limit = self._config.stall_s if connection.midway else self._config.peer_s
            begun = max(started, connection.last_progress) if connection.midway else started + BLAME_AFTER_S
            until = begun + limit
            if time.monotonic() >= until and not self._has_more(connection):
                what = "stopped in the middle of a message" if connection.midway else "sent nothing"
                raise Timeout(
                    f"rank {self._rank} in {call}: rank {connection.peer} {what} for {limit:g} s",
                    [connection.peer],
                )
            if not told_peer and time.monotonic() >= started + LISTEN_AFTER_S:
                told_peer = True
                header, payload = Waiting(call, connection.received).frame()
                self._poller.push(connection, header.pack(), payload)
            if time.monotonic() >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)), spin)
        self._poller.awaited = None

    def _has_more(self, connection: Connection) -> bool:
        """Whether bytes have come that were too few for poll to report."""
        before = connection.last_progress
        self._poller.guarded(connection, connection.read_frames)
        return connection.last_progress > before

    def _read_wanted(self, connection: Connection) -> None:
        """Read from this connection whatever comes first: the awaited frame is behind it."""
        self._poller.awaited = connection
        self._poller.read_on(connection)

    # Requests

    @property
    def outstanding(self) -> bool:
        """Whether requests are under way."""
        return self._under_way > 0 and not self._closed

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is connected; later collective calls may overtake it."""
        transfer = SendTransfer(peer, call)
        connection = self._connections.get(peer)
        if connection:
            self._send(connection, transfer, payload, form)
        else:
            self._early[peer].append((transfer, payload, form))
            self._connector.connect([peer])
        if not transfer.done:
            self._under_way += 1
            self._sending[peer].append(transfer)
        return transfer

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving a message that need not be there yet, into `into`, or a new buffer for None."""
        transfer = ReceiveTransfer(peer, call, into)
        self._under_way += 1
        connection = self._connections.get(peer)
        if connection:
            connection.expect(transfer)
            self._poller.read_on(connection)
        else:
            self._expected[peer].append(transfer)
            self._connector.connect([peer])
        return transfer

    def advance(self) -> None:
        """Move everything on that can be moved without waiting. Raises what any operation may."""
        if self._connector.idle:
            self._poller.check_liveness()
            self._poller.poll_now()
        else:
            self._wait(0.0)
        self._settle()

    def _wait(self, until: float, spin: bool = True) -> None:
        super()._wait(until, spin)
        if self._action is not None:
            self._settle()
            self._action()

    def waiting(self) -> Wait:
        """What to wait for before `advance` is worth calling."""
        connections, due = self._poller.sockets(), self._poller.due
        if self._connector.idle:
            return Wait(connections, due)
        wait = self._connector.wait(due)
        return Wait({**wait.sockets, **connections}, wait.until)

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done, or until that time. Raises what any operation may."""
        self._settle()
        while not transfer.done:
            connection = self._connections.get(transfer.peer)
            if connection is None:
                self._pair_with({transfer.peer}, until)
            elif isinstance(transfer, SendTransfer):
                self._send_out({connection: transfer.mark}, until)
            elif isinstance(transfer, ReceiveTransfer):
                self._await_receive(connection, transfer, until)
            self._settle()
            if time.monotonic() >= until:
                return

    def rest(self) -> None:
        """Finish pairing with ranks that notified this one, unless requests go on with it anyway."""
        if not self._connector.idle and not self.outstanding:
            super().rest()

    def _add_connection(self, peer: int, sock: socket.socket) -> None:
        super()._add_connection(peer, sock)
        for transfer, payload, form in self._early.pop(peer, ()):
            self._send(self._connections[peer], transfer, payload, form)

    def _send(self, connection: Connection, transfer: SendTransfer, payload: memoryview, form: int) -> None:
        if connection.abort or connection.left:
            self._refuse(connection, transfer.call)
        size = len(payload)
        connection.sent += 1
        header = transfer.call.prefix + pack_rest(form | OUT_OF_ORDER, size)
        transfer.done = self._poller.push(connection, header, payload)
        transfer.mark = connection.queued
        self.bytes_sent += HEADER_BYTES + size

    def _await_receive(self, connection: Connection, transfer: ReceiveTransfer, until: float) -> None:
        """Without a deadline, a collective frame in the message's place is a mismatch."""

        def is_here() -> bool:
            return transfer.frame is not None or (until == math.inf and bool(connection.inbox))

        self._await_frame(connection, transfer.call, is_here, deadline=until)
        if transfer.frame is None and connection.inbox and until == math.inf:
            raise self._mismatches.mismatch(transfer.call, connection.peer, connection.inbox[0].header.call)

    def _settle(self) -> None:
        """Note which transfers are done; what this costs does not grow with how many are not."""
        if not self._under_way:
            return
        for peer, connection in self._connections.items():
            if connection.arrived:
                self._settle_received(connection)
            if peer in self._sending:
                self._settle_sent(connection, self._sending[peer])
            if connection.left and connection.expected:
                reason = (
                    f"it closed its communicator while rank {self._rank} was in {connection.expected[0].call}"
                )
                raise PeerFailure(peer, reason)

    def _settle_sent(self, connection: Connection, sending: deque[SendTransfer]) -> None:
        """Messages to one peer leave in order."""
        while sending and connection.gone >= sending[0].mark:
            sending.popleft().done = True
            self._under_way -= 1

    def _settle_received(self, connection: Connection) -> None:
        arrived = connection.arrived.copy()
        connection.arrived.clear()
        for transfer in arrived:
            assert transfer.frame is not None  # noqa: S101 - it has arrived
            self._accept(transfer.frame, transfer.peer, transfer.call, transfer.into)
            self.bytes_received += HEADER_BYTES + transfer.frame.header.length
            transfer.done = True
            self._under_way -= 1
