"""One authenticated connection to a peer: frames in, frames out, never blocking."""

from __future__ import annotations

import contextlib
import fcntl
import platform
import socket
import struct
import sys
import termios
import time
from collections import deque

import numpy as np

from fmi.frames import HEADER_BYTES, Abort, Frame, Header, Kind, Waiting, unpack_header

STAGE_BYTES = 16 * 1024
_SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged


class LinkLost(Exception):  # noqa: N818 - becomes a PeerFailure one level up
    """The connection is gone; the text says how."""


class Link:
    """A connection to one peer.

    Small frames are read together into a staging buffer; the payload of a large one goes straight into the
    buffer that the receiver posted for it, or into a fresh one when nobody waits for it yet.

    Attributes:
        inbox: data frames nobody has taken yet; `inbox_bytes` their payloads' size.
        left: the peer said goodbye: nothing comes any more, and nothing is wrong.
        abort: what the peer said when it gave up.
        sent, received: data frames so far.
        waiting: what the peer last said it waits for.
        last_progress: when the last bytes came or went (`time.monotonic()`).
        midway: a frame has begun and is not complete.
    """

    def __init__(self, peer: int, sock: socket.socket) -> None:
        self.peer = peer
        self.sock = sock
        self.inbox: deque[Frame] = deque()
        self.inbox_bytes = 0
        self.left = False
        self.ended = False
        self.abort: Abort | None = None
        self.sent = 0
        self.received = 0
        self.waiting: Waiting | None = None
        self.last_progress = time.monotonic()
        self._outbox: deque[memoryview] = deque()
        self._stage = memoryview(bytearray(STAGE_BYTES))
        self._staged = 0
        self._header: Header | None = None
        self._payload = memoryview(b"")
        self._filled = 0
        self._posted: memoryview | None = None
        _tune(sock)

    def fileno(self) -> int:
        """The socket's descriptor, for poll."""
        return self.sock.fileno()

    @property
    def midway(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return self._header is not None or self._staged > 0

    @property
    def sending(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outbox)

    def post(self, buffer: memoryview | None) -> None:
        """Have the next data frame's payload put there if it fits exactly; None takes the offer back."""
        self._posted = buffer

    def push(self, header: Header, payload: memoryview | bytes = b"") -> bool:
        """Send a frame as far as possible now; False when some of it stays in the outbox.

        The payload must not change until `sending` is False. Raises LinkLost.
        """
        self.sent += header.kind is Kind.DATA
        self._outbox.append(memoryview(header.pack()))
        if len(payload):
            self._outbox.append(memoryview(payload))
        return self.flush()

    def flush(self) -> bool:
        """Go on sending; True when nothing is left. Raises LinkLost."""
        outbox = self._outbox
        while outbox:
            try:
                sent = self.sock.sendmsg(list(outbox)[:64])
            except BlockingIOError:
                return False
            except OSError as error:
                raise LinkLost(f"its connection broke: {error.strerror or error}") from error
            self.last_progress = time.monotonic()
            while outbox and sent >= len(outbox[0]):
                sent -= len(outbox.popleft())
            if sent:
                outbox[0] = outbox[0][sent:]
        return True

    def take(self) -> Frame:
        """The oldest frame in the inbox."""
        frame = self.inbox.popleft()
        self.inbox_bytes -= len(frame.payload)
        return frame

    def pump(self) -> None:
        """Read what is there. Raises LinkLost when the peer is gone without a goodbye."""
        try:
            while self._read():
                pass
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"its connection broke: {error.strerror or error}")
        except ValueError as error:
            raise LinkLost(f"it sent something that is no frame: {error}") from error

    def unacknowledged(self) -> int:
        """Bytes the peer's host has not confirmed yet; 0 where the system cannot tell."""
        if sys.platform == "linux":
            answer = fcntl.ioctl(self.sock, termios.TIOCOUTQ, struct.pack("i", 0))
            return int(struct.unpack("i", answer)[0])
        if platform.system() == "Darwin":
            return self.sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        return 0

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the descriptor back."""
        self.sock.close()

    def _read(self) -> bool:
        """One read; False when the socket had less than was asked for."""
        into = self._payload[self._filled :] if self._header else self._stage[self._staged :]
        count = self.sock.recv_into(into)
        if not count:
            self._end(
                "its process ended" if not self.midway else "its process ended in the middle of a message"
            )
            return False
        self.last_progress = time.monotonic()
        if self._header:
            self._filled += count
            self._deliver_if_complete()
        else:
            self._staged += count
            self._parse_stage()
        return count == len(into)

    def _parse_stage(self) -> None:
        start = 0
        while self._staged - start >= HEADER_BYTES:
            header = unpack_header(self._stage[start : start + HEADER_BYTES])
            start += HEADER_BYTES
            self._begin(header)
            self._filled = min(header.length, self._staged - start)
            self._payload[: self._filled] = self._stage[start : start + self._filled]
            start += self._filled
            self._deliver_if_complete()
            if self._header:
                break
        rest = self._staged - start
        if rest and start:
            self._stage[:rest] = bytes(self._stage[start : self._staged])
        self._staged = rest

    def _begin(self, header: Header) -> None:
        self._header = header
        wanted = self._posted
        if (
            wanted is not None
            and header.kind is Kind.DATA
            and not self.inbox
            and header.length == len(wanted)
        ):
            self._payload, self._posted = wanted, None
        else:
            self._payload = memoryview(np.empty(header.length, np.uint8))  # type: ignore[arg-type]

    def _deliver_if_complete(self) -> None:
        header = self._header
        if header is None or self._filled < header.length:
            return
        payload, self._header, self._payload, self._filled = self._payload, None, memoryview(b""), 0
        if header.kind is Kind.BYE:
            self.left = True
        elif header.kind is Kind.ABORT:
            self.abort = self.abort or Abort.unpack(bytes(payload), self.peer)
        elif header.kind is Kind.WAIT:
            self.waiting = Waiting.of(header, payload)
        else:
            self.received += 1
            self.inbox.append(Frame(header, payload))
            self.inbox_bytes += len(payload)

    def _end(self, reason: str) -> None:
        self.ended = True
        if not self.left and not self.abort:
            raise LinkLost(reason)


def _tune(sock: socket.socket) -> None:
    """No delay for small frames, and word within seconds when the peer's host vanishes without a packet.

    Keep-alives also keep a NAT's mapping from expiring while the ranks compute.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    if hasattr(socket, "TCP_CONGESTION"):
        # bbr paces what would better go at once; where cubic is not allowed the default stays.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
