"""The receiving half of a connection: reads bytes from the socket and cuts them into frames.

Small frames are read together into a staging buffer. The payload of a large one goes straight into the
buffer that waits for it, or into a new one when none does.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from typing import Protocol

import numpy as np

from fmi.protocol.frames import HEADER_BYTES, Header, payload_bytes, unpack_header
from fmi.transport.send_queue import PIECE_BYTES, ConnectionLost

STAGE_BYTES = 16 * 1024
# A peer may send as fast as this rank reads, so after this much the others get their turn.
READ_BYTES = 8 << 20
# Poll reports a large payload in pieces of this size: waking up for every packet costs more.
# Elsewhere than on Linux a receive buffer need not have room for so much.
WAKE_BYTES = 1 << 20 if sys.platform == "linux" else 1
_NOTHING = memoryview(b"")


class FrameSink(Protocol):
    """What gets the frames."""

    def place(self, header: Header) -> memoryview | None:
        """The buffer that waits for a frame's payload, if one does."""

    def deliver(self, header: Header, payload: memoryview) -> None:
        """Handle a complete frame."""


class FrameReader:
    """Reads frames from one socket.

    Args:
        sock: it does not block.
        sink: gets the frames.

    Attributes:
        last_progress: when the last bytes came (`time.monotonic()`).
        midway: whether a frame has begun to arrive and is not complete.
    """

    def __init__(self, sock: socket.socket, sink: FrameSink) -> None:
        self._sock = sock
        self._sink = sink
        self._stage = memoryview(bytearray(STAGE_BYTES))
        self._staged = 0
        self._header: Header | None = None
        self._payload = _NOTHING
        self._filled = 0
        self._quota: float = 0
        self._mark = 1
        self.last_progress = time.monotonic()

    @property
    def midway(self) -> bool:
        """See the class."""
        return self._header is not None or self._staged > 0

    def read(self, limit: float = READ_BYTES) -> None:
        """Read what is there, up to a limit. Raises ConnectionLost at the end of the stream."""
        self._quota = limit
        try:
            while self._read() and self._quota > 0:
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            raise ConnectionLost.broken(error) from error
        missing = 1 if self._header is None else len(self._payload) - self._filled
        if missing > 1 or self._mark > 1:
            self._set_mark(max(1, min(missing, WAKE_BYTES)))

    def go_on(self, header: bytes, payload: memoryview, count: int) -> None:
        """Go on with what was read elsewhere at the beginning of a frame.

        Args:
            header, payload: what was read into.
            count: how many bytes were read, into the header first.

        Raises:
            ConnectionLost: they are no frame.
        """
        if count:
            self.last_progress = time.monotonic()
        filled = count - HEADER_BYTES
        if filled < 0 or payload_bytes(header) != len(payload):
            self._cut(memoryview(header[:count] + bytes(payload[: max(filled, 0)])))
            return
        self._begin(_parse(header))
        if self._payload is payload:
            self._filled = filled
            self._deliver_if_complete()
        else:
            self._fill_from(payload[:filled])

    def end(self) -> None:
        """Raise what the end of the stream means."""
        raise ConnectionLost(
            "its process ended in the middle of a message" if self.midway else "its process ended"
        )

    def _set_mark(self, mark: int) -> None:
        """Have poll report this connection when this many bytes are there, or when it ends."""
        if mark != self._mark:
            self._mark = mark
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)

    def _read(self) -> bool:
        """Read once; False when the socket had less than was asked for, or a large payload is complete.

        After a large payload the caller may post the next frame's buffer before more is read.
        """
        into = self._room()
        count = self._sock.recv_into(into)
        if not count:
            self.end()
        self.last_progress = time.monotonic()
        self._quota -= count
        if self._header is None:
            self._cut(self._stage[: self._staged + count])
            return count == len(into)
        self._filled += count
        self._deliver_if_complete()
        return count == len(into) and self._header is not None

    def _room(self) -> memoryview:
        """Where the next bytes belong."""
        if self._header is None:
            return self._stage[self._staged :]
        return self._payload[self._filled : self._filled + PIECE_BYTES]

    def _cut(self, data: memoryview) -> None:
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
        place = self._sink.place(header)
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
        self._sink.deliver(header, payload)


def _parse(data: memoryview | bytes) -> Header:
    try:
        return unpack_header(data)
    except ValueError as error:
        raise ConnectionLost(f"it sent something that is no frame: {error}") from error
