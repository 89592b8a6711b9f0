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
from fmi.transport.connection import Connection
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
        self._mismatches.enter(call)
        self.look_up()
        self.send_large(self._connections[peer], call.prefix + pack_rest(form, len(payload)), payload)

    def flush(self) -> None:
        """Wait until everything posted is on its way, and take in what others send meanwhile."""
        if self.urgent:
            self._send_out(self.urgent)
            self.urgent.clear()

    def _send_out(self, marks: dict[Connection, int], deadline: float = math.inf) -> None:
        """Wait until so many of each connection's queued bytes are sent, or until the deadline."""
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
        """Wait for the peer's next message; returns its form.

        Raises:
            Timeout: the peer did not send in time, or stopped in the middle of the message.
            MismatchError: the peer is in another call than this rank.
        """
        connection = self._connections[peer]
        self._mismatches.enter(call)
        into = self._prepared.pop(peer, into)  # the same memory, but what `_accept` can tell
        if len(into) <= SMALL_BYTES:
            form = self._receive_small(connection, call, into)
        else:
            form = self.receive_large(connection, call.prefix, into)
        if form is not None:
            return form & FORM_MASK
        if not connection.has(call):
            connection.post(call, into)
            self._poller.guarded(connection, connection.read_frames)
            self._await_frame(connection, call, lambda: connection.has(call), look=len(into) > SMALL_BYTES)
            connection.retract()
        frame = self._taken(connection, call)
        self._accept(frame, peer, call, into)
        return frame.header.form & FORM_MASK

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for the peer's next message, however long; its form and its payload. Raises as `receive`."""
        connection = self._connections[peer]
        self._mismatches.enter(call)
        if not connection.has(call):
            self._poller.guarded(connection, connection.read_frames)
            self._await_frame(connection, call, lambda: connection.has(call))
        frame = self._taken(connection, call)
        self._accept(frame, peer, call, None)
        return frame.header.form & FORM_MASK, frame.payload

    def _receive_small(self, connection: Connection, call: Call, into: memoryview) -> int | None:
        """The form of a message that comes as a whole and soon; None to wait for it in earnest."""
        frame = bytearray(HEADER_BYTES + len(into))
        length = pack_rest(0, len(into))[LENGTH_AT - CALL_BYTES :]
        if not self.receive_frame(connection, frame, call.prefix, length):
            return None
        self.bytes_received += len(frame)
        into[:] = memoryview(frame)[HEADER_BYTES:]
        return frame[CALL_BYTES]

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """Have a large message come straight into its buffer, also while this rank waits for another one."""
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
        """See that this is the message that was waited for, and that it is where it belongs."""
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
        look: bool = True,
        deadline: float = math.inf,
    ) -> None:
        """Wait until a frame is here, or the deadline; without one a wait that cannot end is an error."""
        for other in self._connections.values():
            self._mismatches.check(other)
        self._heed(connection)
        started = time.monotonic()
        said_so = deadline < math.inf
        while not is_here():
            self._poller.check(connection)
            if deadline == math.inf:
                self._mismatches.check_deadlock(connection, call)
            if connection.left:
                raise PeerFailure(
                    connection.peer, f"it closed its communicator while rank {self._rank} was in {call}"
                )
            limit = self._config.stall_s if connection.midway else self._config.peer_s
            begun = max(started, connection.last_progress) if connection.midway else started + HEARSAY_S
            until = begun + limit
            if time.monotonic() >= until and not self._has_more(connection):
                what = "stopped in the middle of a message" if connection.midway else "sent nothing"
                raise Timeout(
                    f"rank {self._rank} in {call}: rank {connection.peer} {what} for {limit:g} s",
                    [connection.peer],
                )
            if not said_so and time.monotonic() >= started + LISTEN_AFTER_S:
                said_so = True
                header, payload = Waiting(call, connection.received).frame()
                self._poller.push(connection, header.pack(), payload)
            if time.monotonic() >= deadline:
                break
            self._wait(self._listen_in_time(started, min(until, deadline)), look)
        self._poller.awaited = None

    def _has_more(self, connection: Connection) -> bool:
        """Whether something came that was too little to be told of."""
        before = connection.last_progress
        self._poller.guarded(connection, connection.read_frames)
        return connection.last_progress > before

    def _heed(self, connection: Connection) -> None:
        """Read from this connection what nobody has asked for: what is wanted lies behind it."""
        self._poller.awaited = connection
        self._poller.read_on(connection)
