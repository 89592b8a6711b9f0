"""The receiving half of a connection: reads bytes from the socket and cuts them into frames.

Small frames are read together into a staging buffer. The payload of a large one goes straight into the
buffer that waits for it, or into a new one when none does.
"""

from __future__ import annotations

import abc
import contextlib
import socket
import sys
import time

import numpy as np

from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, Header, unpack_header, unpack_rest
from fmi.transport.send_queue import AT_ONCE, PIECE_BYTES, ConnectionLost, SendQueue

STAGE_BYTES = 16 * 1024
SMALL_BYTES = STAGE_BYTES - HEADER_BYTES
# A peer may send as fast as this rank reads, so after this much the others get their turn.
READ_BYTES = 8 << 20
# Poll reports a large payload in pieces of this size: waking up for every packet costs more.
# Elsewhere than on Linux a receive buffer need not have room for so much.
WAKE_BYTES = 1 << 20 if sys.platform == "linux" else 1
_NOTHING = memoryview(b"")


class FrameReader(SendQueue):
    """The receiving half of a connection, on top of the sending one.

    Attributes:
        ended: the stream is over.
        recv_into, recvmsg_into: the socket's.
        lone_header: the buffer for a header that is read together with a large payload.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.ended = False
        self.recv_into = sock.recv_into
        self.recvmsg_into = sock.recvmsg_into
        self._staging = bytearray(STAGE_BYTES)
        self._stage = memoryview(self._staging)
        self._staged = 0
        self.lone_header = memoryview(bytearray(HEADER_BYTES))
        self._header: Header | None = None
        self._payload = _NOTHING
        self._filled = 0
        self._quota: float = 0
        self._mark = 1

    @property
    def midway(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return self._header is not None or self._staged > 0

    @abc.abstractmethod
    def _place(self, header: Header) -> memoryview | None:
        """The buffer that waits for a frame's payload, if one does."""

    @abc.abstractmethod
    def _posted(self) -> memoryview | None:
        """The buffer that the next frame's payload probably belongs into, if it is a large one."""

    @abc.abstractmethod
    def _deliver(self, header: Header, payload: memoryview) -> None:
        """Handle a complete frame."""

    @abc.abstractmethod
    def _end(self, reason: str) -> None:
        """Handle the end of the stream. Raises ConnectionLost unless the peer has closed its communicator."""

    def read_frames(self, limit: float = READ_BYTES) -> None:
        """Read what is there, up to a limit. Raises ConnectionLost when the connection ended too early."""
        self._quota = limit
        try:
            while self._read() and self._quota > 0:
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(str(ConnectionLost.broken(error)))
        missing = 1 if self._header is None else len(self._payload) - self._filled
        if missing > 1 or self._mark > 1:
            self._set_mark(max(1, min(missing, WAKE_BYTES)))

    def _set_mark(self, mark: int) -> None:
        """Have poll report this connection when this many bytes are there, or when it ends."""
        if mark != self._mark:
            self._mark = mark
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)

    def _read(self) -> bool:
        """Read once; False when the socket had less than was asked for, or a large payload is complete.

        After a large payload the caller may post the next frame's buffer before more is read.
        """
        if self._header is not None:
            return self._read_payload()
        posted = self._posted()
        if posted is not None:
            return self._read_posted(posted)
        into = self._stage[self._staged :]
        count = self.recv_into(into, 0, AT_ONCE)
        if self._came(count):
            self._take_in(self._stage[: self._staged + count])
        return count == len(into)

    def _read_payload(self) -> bool:
        into = self._payload[self._filled : self._filled + PIECE_BYTES]
        count = self.recv_into(into, 0, AT_ONCE)
        if self._came(count):
            self._filled += count
            self._deliver_if_complete()
        return count == len(into) and self._header is not None

    def _read_posted(self, posted: memoryview) -> bool:
        """Read a header and, if it is the right one, its payload straight into the posted buffer."""
        pieces = (self.lone_header, posted[:PIECE_BYTES])
        count = self.recvmsg_into(pieces, 0, AT_ONCE)[0]
        if not self._came(count):
            return False
        self._take_apart(posted, count)
        return self._header is not None and count - HEADER_BYTES == PIECE_BYTES

    def _take_apart(self, posted: memoryview, count: int) -> None:
        """Begin a frame with the lone header and what was read behind it."""
        filled = count - HEADER_BYTES
        if filled >= 0 and unpack_rest(self.lone_header, CALL_BYTES)[1] == len(posted):
            self._begin(_parse(self.lone_header))
            if self._payload is posted:
                self._filled = filled
                self._deliver_if_complete()
            else:
                self._fill_from(posted[:filled])
        else:
            spilled = bytes(posted[: max(filled, 0)])
            self._take_in(memoryview(bytes(self.lone_header) + spilled)[:count])

    def _came(self, count: int) -> bool:
        """Note progress; False at the end of the stream, which is a read of nothing."""
        if count:
            self.last_progress = time.monotonic()
            self._quota -= count
            return True
        self._end("its process ended" if not self.midway else "its process ended in the middle of a message")
        return False

    def _take_in(self, data: memoryview) -> None:
        """Cut what was read into frames; an incomplete header goes back to the staging buffer."""
        start = 0
        while self._header is None and len(data) - start >= HEADER_BYTES:
            self._begin(_parse(data[start : start + HEADER_BYTES]))
            start += HEADER_BYTES
            start += self._fill_from(data[start:])
        rest = bytes(data[start:])
        self._stage[: len(rest)] = rest
        self._staged = len(rest)

    def _begin(self, header: Header) -> None:
        self._header = header
        place = self._place(header)
        self._payload = memoryview(np.empty(header.length, np.uint8)) if place is None else place  # type: ignore[arg-type]

    def _fill_from(self, data: memoryview) -> int:
        """Fill a frame that has just begun with what was read behind its header; return how much that was."""
        filled = min(len(self._payload), len(data))
        if filled:
            self._payload[:filled] = data[:filled]
        self._filled = filled
        self._deliver_if_complete()
        return filled

    def _deliver_if_complete(self) -> None:
        header = self._header
        if header is None or self._filled < header.length:
            return
        payload, self._header, self._payload, self._filled = self._payload, None, _NOTHING, 0
        self._deliver(header, payload)


def _parse(data: memoryview) -> Header:
    try:
        return unpack_header(data)
    except ValueError as error:
        raise ConnectionLost(f"it sent something that is no frame: {error}") from error
