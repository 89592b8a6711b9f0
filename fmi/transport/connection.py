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
from collections.abc import Callable

from fmi._forks import close_in_children
from fmi.protocol.frames import Abort, Call, Frame, Header, Kind, Operation, Waiting
from fmi.protocol.transfer import OUT_OF_ORDER, ReceiveTransfer
from fmi.transport.frame_reader import READ_BYTES, FrameReader
from fmi.transport.send_queue import ConnectionLost, SendQueue

CONGESTION_CONTROL = b"cubic"
_SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged


class Connection:
    """A connection to one peer.

    Attributes:
        peer: its rank.
        sock: the socket; it does not block.
        fd: its descriptor.
        queue: what is to be sent.
        inbox: data frames that were not taken yet, in order.
        out_of_order: messages that were not taken yet and that later frames may overtake, by number.
        inbox_bytes: size of the payloads of all these.
        expected: messages that requests wait for; they go straight to them.
        arrived: those requests whose message has come and was not noted yet.
        left: the peer has closed its communicator: nothing comes any more, and nothing is wrong.
        ended: the stream is over.
        abort: the peer's abort, if it has sent one.
        sent, received: data frames so far.
        waiting: what the peer last said it waits for.
    """

    def __init__(self, peer: int, sock: socket.socket, expected: deque[ReceiveTransfer]) -> None:
        sock.setblocking(False)
        self.peer = peer
        self.sock = sock
        self.fd = sock.fileno()
        self.queue = SendQueue(sock)
        self._reader = FrameReader(sock, self)
        self.inbox: deque[Frame] = deque()
        self.out_of_order: dict[int, Frame] = {}
        self.inbox_bytes = 0
        self.expected = expected
        self.arrived: list[ReceiveTransfer] = []
        self.left = False
        self.ended = False
        self.abort: Abort | None = None
        self.sent = 0
        self.received = 0
        self.waiting: Waiting | None = None
        self._posted_buffer: memoryview | None = None
        self._posted_call: Call | None = None
        close_in_children(sock)
        set_options(sock)

    @property
    def midway(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return self._reader.midway

    @property
    def at_frame_boundary(self) -> bool:
        """Whether only whole frames came, and all were taken: the next byte begins the next frame."""
        return not (self.inbox or self.out_of_order or self.expected or self.ended or self._reader.midway)

    @property
    def is_quiet(self) -> bool:
        """Whether the next byte in either direction begins a frame, and nothing is known of an end."""
        return not (
            self.inbox
            or self.out_of_order
            or self.expected
            or self.ended
            or self.left
            or self.abort
            or self.queue.sending
            or self._reader.midway
        )

    @property
    def last_progress(self) -> float:
        """When the last bytes came or went (`time.monotonic()`)."""
        return max(self._reader.last_progress, self.queue.last_progress)

    # Receiving

    def read_frames(self, limit: float = READ_BYTES) -> None:
        """Read what is there, up to a limit. Raises ConnectionLost when the connection ended too early."""
        self._unless_over(lambda: self._reader.read(limit))

    def go_on(self, call: Call, into: memoryview, header: bytes, count: int) -> None:
        """Go on with what was read elsewhere at a frame boundary; see `FrameReader.go_on`.

        If it belongs to that call, its rest goes into the buffer, too. Raises as `read_frames`.
        """
        self.post(call, into)
        try:
            self._unless_over(lambda: self._reader.go_on(header, into, count))
        finally:
            self.retract()

    def end(self) -> None:
        """Note the end of the stream, which was read elsewhere. Raises as `read_frames`."""
        self._unless_over(self._reader.end)

    def _unless_over(self, action: Callable[[], None]) -> None:
        """Do something that may find the stream over, which is no loss after a goodbye or an abort."""
        try:
            action()
        except ConnectionLost:
            self.ended = True
            if not self.left and not self.abort:
                raise

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
        return frame

    def expect(self, expected: ReceiveTransfer) -> None:
        """Give a request its message: now, if it is here, or as soon as it comes."""
        number = expected.call.sequence
        frame = self.out_of_order.pop(number, None)
        if frame is None:
            frame = next((each for each in self.inbox if _is_message(each.header, number)), None)
            if frame is None:
                self.expected.append(expected)
                return
            self.inbox.remove(frame)
        self.inbox_bytes -= len(frame.payload)
        self._hand_over(frame, expected)

    def place(self, header: Header) -> memoryview | None:
        """The buffer that waits for a frame's payload, if one does; the frame uses it up."""
        expected = self._expected(header)
        if expected:
            into = expected.into
            return into if into is not None and len(into) == header.length else None
        posted = self._posted_buffer
        if posted is None or self.inbox or header.length != len(posted) or header.call != self._posted_call:
            return None
        self._posted_buffer = None
        return posted

    def deliver(self, header: Header, payload: memoryview) -> None:
        """Handle a complete frame."""
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
