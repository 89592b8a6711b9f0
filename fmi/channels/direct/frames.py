"""Whole frames on connections: sent with one system call, received with another one if they come soon.

Nothing is copied, counted or looked up for a small frame that it can do without. A large one is sent from
where it is and read to where it belongs, as long as it comes without a break. Whatever is not as usual, and
whatever takes long, is left to `fmi.channels.direct.channel`, which looks after all other connections
meanwhile.
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
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, LENGTH_AT, Call, call_of, pack_rest
from fmi.transport.connection import Connection
from fmi.transport.frame_reader import READ_BYTES
from fmi.transport.send_queue import AT_ONCE, BLOCKING, ConnectionLost

LOOK_UP_EVERY_S = 0.1
# A rank attends to one connection alone for no longer than this: other peers may have failed.
AT_MOST_S = 0.02


class FramedConnections(Connections):
    """Frames to and from connected peers.

    Attributes:
        urgent: connections that `flush` waits for, and for how many of their queued bytes.
        remember: is told the first bytes of the frames of each collective call.
    """

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__(rank, world_size, comm_name, config)
        self.urgent: dict[Connection, int] = {}
        self.remember = self._mismatches.heads.append
        self._look_up_at = 0.0

    # Small frames

    def send_frame(self, connection: Connection, frame: bytearray) -> None:
        """Send a small data frame, which may change at once."""
        if connection.abort or connection.left:
            self._refuse(connection, call_of(frame))
        connection.sent += 1
        try:
            sent = 0 if connection.sending else connection.send(frame, AT_ONCE)
            if sent == len(frame):
                return
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._poller.lose(connection, ConnectionLost.broken(error))
        self._send_rest(connection, bytes(frame[sent:]))

    def _send_rest(self, connection: Connection, rest: bytes) -> None:
        connection.queue(rest)
        if not self._poller.guarded(connection, connection.flush):
            self.urgent[connection] = connection.queued
        self._poller.note_sending(connection)

    def receive_frame(
        self, connection: Connection, frame: bytearray, head: bytes, length: bytes = b""
    ) -> bool:
        """Fill a small frame with the connection's next one, if that comes soon and begins as it should.

        Args:
            connection: the peer's.
            frame: a buffer of the expected frame's length.
            head: the first bytes of the expected frame.
            length: the last bytes of its header, unless they are in `head`.

        Returns:
            False when nothing has come yet, or something else, which then goes to the connection's inbox.
        """
        if not connection.at_frame_boundary:
            return False
        try:
            try:
                count = connection.recv_into(frame, 0, AT_ONCE)
            except BlockingIOError:
                if not self._may_linger():
                    return False
                count = self._linger(functools.partial(connection.recv_into, frame, 0))
        except BlockingIOError:
            return False
        except OSError as error:
            self._poller.lose(connection, ConnectionLost.broken(error))
        if frame.startswith(head) and (not length or frame.startswith(length, LENGTH_AT)):
            if HEADER_BYTES <= count < len(frame):
                count += self._read_on(connection, memoryview(frame)[count:], time.monotonic() + AT_MOST_S)
            if count == len(frame):
                connection.received += 1
                return True
        self._poller.guarded(connection, lambda: connection.take_in(frame, count))
        return False

    # Large frames

    def send_large(self, connection: Connection, header: bytes, payload: memoryview) -> None:
        """Start sending a data frame; the payload must not change until `flush` returns."""
        if connection.abort or connection.left:
            self._refuse(connection, call_of(header))
        connection.sent += 1
        self.bytes_sent += len(header) + len(payload)
        if not self._poller.push(connection, header, payload):
            self.urgent[connection] = connection.queued

    def receive_large(self, connection: Connection, prefix: bytes, into: memoryview) -> int | None:
        """Fill a large buffer with the connection's next frame, if that comes soon and as a whole.

        Args:
            connection: the peer's.
            prefix: the first bytes of the awaited call's header.
            into: a buffer of the payload's length.

        Returns:
            The form's byte of the header; None when nothing came, something else or not all, which then goes
            to the connection's inbox.
        """
        if not connection.at_frame_boundary or len(into) > READ_BYTES:
            return None
        pieces = connection.lone_header, into
        until = time.monotonic() + AT_MOST_S
        count = self._some(connection, lambda flags: connection.recvmsg_into(pieces, 0, flags)[0], until)
        if count is None:
            return None
        header, whole = bytes(connection.lone_header), HEADER_BYTES + len(into)
        length = pack_rest(0, len(into))[LENGTH_AT - CALL_BYTES :]
        if header.startswith(prefix) and header.endswith(length):
            if HEADER_BYTES <= count < whole:
                count += self._read_on(connection, into[count - HEADER_BYTES :], until)
            if count == whole:
                connection.retract()
                connection.received += 1
                self.bytes_received += whole
                return header[CALL_BYTES]
        self._poller.guarded(connection, lambda: connection.take_apart(call_of(prefix), into, count))
        return None

    # What both need

    def _read_on(self, connection: Connection, rest: memoryview, until: float) -> int:
        """Fill the rest of a frame, as far as it comes without a break; return how many bytes came."""
        count = 0
        while count < len(rest):
            more = self._some(connection, functools.partial(connection.recv_into, rest[count:], 0), until)
            if not more:
                break
            count += more
        return count

    def _some(self, connection: Connection, read: Callable[[int], int], until: float) -> int | None:
        """Read what comes soon; return how many bytes, or None when none came or the time is over.

        Args:
            connection: the one that is read from.
            read: reads with the given flags.
            until: when to stop.
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
            self._poller.lose(connection, ConnectionLost.broken(error))

    def connection(self, peer: int) -> Connection:
        """The connection to a peer."""
        return self._connections[peer]

    def _may_linger(self) -> bool:
        """Whether nothing else needs this rank for a moment."""
        return not (
            self._poller.unsent or self.outstanding or self.on_idle is not None or not self._connector.idle
        )

    def _linger(self, read: Callable[[int], int]) -> int:
        """Poll for a moment, then sleep for a little longer; return how many bytes came.

        Args:
            read: reads from a connection with the given flags.

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
        """Read what has come, every 0.1 s: a rank that only sends has to learn of failures too."""
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + LOOK_UP_EVERY_S
            self._poller.poll_now()

    def _refuse(self, connection: Connection, call: Call) -> NoReturn:
        self._poller.check(connection)
        raise PeerFailure(connection.peer, f"it closed its communicator before {call} of rank {self._rank}")
