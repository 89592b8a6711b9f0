"""Large frames: sent from where they are, and read to where they belong as long as they come without a break.

What a frame costs besides copying is a few calls of the kernel and a comparison. Whatever is not as usual,
and whatever takes long, goes the way of `fmi.channels.direct._messages`, which looks after all other
connections meanwhile.
"""

from __future__ import annotations

import time

from fmi.channels.direct._small_frames import AT_MOST_S, FrameCalls
from fmi.protocol.frames import CALL_BYTES, HEADER_BYTES, LENGTH_AT, call_of, pack_rest
from fmi.transport._frame_reader import READ_BYTES
from fmi.transport.connection import Connection


class LargeFrames(FrameCalls):
    """Large frames to and from connected peers."""

    def send_large(self, connection: Connection, header: bytes, payload: memoryview) -> None:
        """Start sending a data frame; the payload must not change until `flush` returns."""
        if connection.abort or connection.left:
            self._refuse(connection, call_of(header))
        connection.sent += 1
        self.bytes_sent += len(header) + len(payload)
        if not self._poller.push(connection, header, payload):
            self.urgent[connection] = connection.queued

    def receive_large(self, connection: Connection, prefix: bytes, into: memoryview) -> int | None:
        """Fill a large buffer with the next frame of a connection, if that comes soon and as a whole.

        Args:
            connection: where it comes from.
            prefix: how the header of the awaited call begins.
            into: as long as the payload.

        Returns:
            The byte of the header that has the form; None when nothing came, something else or not all: that
            is then on its way to the connection's inbox.
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

    def connections(self) -> LargeFrames:
        """This channel."""
        return self
