"""One authenticated connection to a peer: its frames, and the state that they tell."""

from __future__ import annotations

import contextlib
import fcntl
import platform
import socket
import struct
import sys
import termios
from collections import deque

from fmi._forks import close_in_children
from fmi.protocol.frames import Abort, Call, Frame, Header, Kind, Operation, Waiting
from fmi.protocol.transfer import OUT_OF_ORDER, ReceiveTransfer
from fmi.transport.frame_reader import READ_BYTES, SMALL_BYTES, FrameReader
from fmi.transport.send_queue import BLOCKING, ConnectionLost

# A rank that waits for one peer in the kernel serves everything else at least this often.
SLICE_MS = 5
CONGESTION_CONTROL = b"cubic"
_SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged


class Connection(FrameReader):
    """A connection to one peer.

    Attributes:
        peer: its rank.
        inbox: data frames that were not taken yet, in order.
        out_of_order: messages that were not taken yet and that later frames may overtake, by number.
        inbox_bytes: size of the payloads of all these.
        expected: messages that requests wait for; they go straight to them.
        arrived: those requests whose message has come and was not noted yet.
        left: the peer has closed its communicator: nothing comes any more, and nothing is wrong.
        abort: the peer's abort, if it has sent one.
        sent, received: data frames so far.
        waiting: what the peer last said it waits for.
        at_frame_boundary: only whole frames came, and all were taken: the next byte begins the next frame.
    """

    def __init__(self, peer: int, sock: socket.socket, expected: deque[ReceiveTransfer]) -> None:
        super().__init__(sock)
        self.peer = peer
        self.inbox: deque[Frame] = deque()
        self.out_of_order: dict[int, Frame] = {}
        self.inbox_bytes = 0
        self.expected = expected
        self.arrived: list[ReceiveTransfer] = []
        self.left = False
        self.abort: Abort | None = None
        self.sent = 0
        self.received = 0
        self.waiting: Waiting | None = None
        self.at_frame_boundary = not expected
        self._posted_buffer: memoryview | None = None
        self._posted_call: Call | None = None
        close_in_children(sock)
        set_options(sock)
        sock.setblocking(BLOCKING)
        if BLOCKING:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, SLICE_MS * 1000))

    def fileno(self) -> int:
        """The socket's descriptor, for poll."""
        return self.sock.fileno()

    def _update_boundary(self) -> None:
        """Keep `at_frame_boundary`, which is read far more often than it changes."""
        self.at_frame_boundary = self._is_at_frame_boundary()

    def _is_at_frame_boundary(self) -> bool:
        return not (self.inbox or self.out_of_order or self.midway or self.ended or self.expected)

    # Receiving

    def take_in(self, data: bytearray, count: int) -> None:
        """Make frames of what `recv_into` read at a frame boundary. Raises ConnectionLost at the end."""
        if self._came(count):
            self._take_in(memoryview(data)[:count])
        self._update_boundary()

    def take_apart(self, call: Call, into: memoryview, count: int) -> None:
        """Make a frame of the lone header and what was read behind it at a frame boundary.

        If it belongs to that call, its rest goes into the buffer, too. Raises ConnectionLost at the end.
        """
        self.post(call, into)
        if self._came(count):
            self._take_apart(into, count)
        self.retract()
        self._update_boundary()

    def read_frames(self, limit: float = READ_BYTES) -> None:
        """Read what is there, up to a limit. Raises ConnectionLost when the connection ended too early."""
        super().read_frames(limit)
        self._update_boundary()

    def post(self, call: Call, buffer: memoryview) -> None:
        """Have that call's next frame read into the buffer if it fits exactly.

        Whatever comes next may be read into it, so `retract` has to be called before the buffer is used for
        something else. The frame itself uses the buffer up.
        """
        self._posted_buffer = buffer
        self._posted_call = call

    def retract(self) -> None:
        """Take back the buffer of `post`."""
        self._posted_buffer = None

    def has(self, call: Call) -> bool:
        """Whether `take` has a frame for a call, of that call or of another one."""
        return bool(self.inbox) or (call.operation is Operation.SEND and call.sequence in self.out_of_order)

    def take(self, call: Call) -> Frame:
        """Take the frame for a call: the message of its number, if that may be overtaken, else the oldest."""
        if call.operation is Operation.SEND and call.sequence in self.out_of_order:
            frame = self.out_of_order.pop(call.sequence)
        else:
            frame = self.inbox.popleft()
        self.inbox_bytes -= len(frame.payload)
        self._update_boundary()
        return frame

    def expect(self, expected: ReceiveTransfer) -> None:
        """Give a request its message: now, if it is here, or as soon as it comes."""
        number = expected.call.sequence
        frame = self.out_of_order.pop(number, None)
        if frame is not None:
            self._update_boundary()
        else:
            frame = next((each for each in self.inbox if _is_message(each.header, number)), None)
            if frame is None:
                self.expected.append(expected)
                self.at_frame_boundary = False
                return
            self.inbox.remove(frame)
            self._update_boundary()
        self.inbox_bytes -= len(frame.payload)
        self._hand_over(frame, expected)

    def _posted(self) -> memoryview | None:
        posted = self._posted_buffer
        if posted is not None and len(posted) > SMALL_BYTES and self._is_at_frame_boundary():
            return posted
        return None

    def _place(self, header: Header) -> memoryview | None:
        expected = self._expected(header)
        if expected:
            into = expected.into
            return into if into is not None and len(into) == header.length else None
        posted = self._posted_buffer
        if posted is None or self.inbox or header.length != len(posted) or header.call != self._posted_call:
            return None
        self._posted_buffer = None
        return posted

    def _deliver(self, header: Header, payload: memoryview) -> None:
        if header.kind is Kind.BYE:
            self.left = True
        elif header.kind is Kind.ABORT:
            self.abort = self.abort or Abort.unpack(bytes(payload), self.peer)
        elif header.kind is Kind.WAIT:
            self.waiting = _waiting(header, payload)
        else:
            self.received += 1
            self._keep(Frame(header, payload))

    def _keep(self, frame: Frame) -> None:
        expected = self._expected(frame.header)
        if expected:
            self.expected.remove(expected)
            self._hand_over(frame, expected)
            return
        if frame.header.form & OUT_OF_ORDER:
            self.out_of_order[frame.header.call.sequence] = frame
        else:
            self.inbox.append(frame)
        self.inbox_bytes += len(frame.payload)

    def _hand_over(self, frame: Frame, expected: ReceiveTransfer) -> None:
        expected.frame = frame
        self.arrived.append(expected)

    def _expected(self, header: Header) -> ReceiveTransfer | None:
        """The request that this frame is the message for; the oldest, as both sides count alike."""
        if not self.expected or header.kind is not Kind.DATA or header.call.operation is not Operation.SEND:
            return None
        number = header.call.sequence
        return next((each for each in self.expected if each.call.sequence == number), None)

    # Ending

    def unacknowledged(self) -> int:
        """Bytes that the peer's host has not acknowledged yet; 0 where the system cannot tell."""
        if sys.platform == "linux":
            answer = fcntl.ioctl(self.sock, termios.TIOCOUTQ, struct.pack("i", 0))
            return int(struct.unpack("i", answer)[0])
        if platform.system() == "Darwin":
            return self.sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        return 0

    def finish(self) -> None:
        """Tell the peer's host that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def _end(self, reason: str) -> None:
        self.ended = True
        self.at_frame_boundary = False
        if not self.left and not self.abort:
            raise ConnectionLost(reason)


def _is_message(header: Header, number: int) -> bool:
    return (
        header.kind is Kind.DATA
        and header.call.operation is Operation.SEND
        and header.call.sequence == number
    )


def _waiting(header: Header, payload: memoryview) -> Waiting:
    try:
        return Waiting.of(header, payload)
    except ValueError as error:
        raise ConnectionLost(f"it sent something that is no frame: {error}") from error


def set_options(sock: socket.socket) -> None:
    """Send small frames without delay, and have keep-alives notice within seconds that a host has vanished.

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
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)
