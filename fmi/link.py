"""One authenticated connection to a peer: frames in, frames out, never blocking."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import platform
import socket
import struct
import sys
import termios
import time
from collections import deque

import numpy as np

from fmi.frames import (
    CALL_BYTES,
    HEADER_BYTES,
    Abort,
    Call,
    Frame,
    Header,
    Kind,
    Operation,
    Waiting,
    unpack_header,
    unpack_rest,
)
from fmi.spin import pause
from fmi.transfer import ASIDE, Expected
from fmi.tune import tune

STAGE_BYTES = 16 * 1024
SMALL_BYTES = STAGE_BYTES - HEADER_BYTES
# Up to here copying a payload behind its header costs less than handing two pieces to the kernel.
JOIN_BYTES = 32 * 1024
# A peer may send as fast as this rank reads; others have to get their turn.
PUMP_BYTES = 8 << 20
# Some systems refuse to move more than 2 GiB at once.
PIECE_BYTES = 1 << 30
# Poll reports a large payload in pieces of this size: waking up for every packet costs more.
# Elsewhere than on Linux a receive buffer need not have room for so much.
WAKE_BYTES = 1 << 20 if sys.platform == "linux" else 1
_SO_NWRITE = 0x1024  # macOS: bytes not yet acknowledged
_NOTHING = memoryview(b"")


class LinkLost(Exception):  # noqa: N818 - becomes a PeerFailure one level up
    """The connection is gone; the text says how."""


class Link:
    """A connection to one peer.

    Small frames are read together into a staging buffer; the payload of a large one goes straight into the
    buffer that the receiver posted for it, or into a fresh one when nobody waits for it yet.

    Attributes:
        inbox: data frames nobody has taken yet, in order.
        aside: messages nobody has taken yet that later frames may overtake, by number.
        inbox_bytes: the payloads' size of all these.
        expected: messages that requests wait for; they go straight to them.
        queued, gone: bytes that could not be sent at once, and how many of them were sent since.
        left: the peer said goodbye: nothing comes any more, and nothing is wrong.
        abort: what the peer said when it gave up.
        sent, received: data frames so far.
        waiting: what the peer last said it waits for.
        last_progress: when the last bytes came or went (`time.monotonic()`).
        sending: whether something is still to be sent.
        even: what came so far are whole frames, and all of them were taken; the next one is for who asks.
    """

    def __init__(self, peer: int, sock: socket.socket, expected: deque[Expected]) -> None:
        self.peer = peer
        self.sock = sock
        self.inbox: deque[Frame] = deque()
        self.aside: dict[int, Frame] = {}
        self.expected = expected
        self.queued = 0
        self.gone = 0
        self.inbox_bytes = 0
        self.left = False
        self.ended = False
        self.abort: Abort | None = None
        self.sent = 0
        self.received = 0
        self.waiting: Waiting | None = None
        self._quota: float = 0
        self.last_progress = time.monotonic()
        self.sending = False
        self._outbox: deque[memoryview] = deque()
        self._staging = bytearray(STAGE_BYTES)
        self._stage = memoryview(self._staging)
        self._lone_header = memoryview(bytearray(HEADER_BYTES))
        self._staged = 0
        self._header: Header | None = None
        self._payload = _NOTHING
        self._filled = 0
        self._posted: memoryview | None = None
        self._posted_for: Call | None = None
        self._recv_into = sock.recv_into
        self._mark = 1
        tune(sock)

    def fileno(self) -> int:
        """The socket's descriptor, for poll."""
        return self.sock.fileno()

    @property
    def midway(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return self._header is not None or self._staged > 0

    @property
    def even(self) -> bool:
        """Whether the next byte that comes begins the next frame to be taken."""
        return (
            not self.inbox
            and self._header is None
            and not self._staged
            and not self.ended
            and not self.expected
        )

    # Sending

    def push(self, header: bytes, payload: memoryview | bytes = b"") -> bool:
        """Send a frame as far as possible now; False when some of it stays in the outbox.

        The payload must not change until `sending` is False. Raises LinkLost.
        """
        if not self.sending and len(payload) <= JOIN_BYTES:
            frame = header + payload
            sent = self._send_now(frame)
            if sent == len(frame):
                return True
            self._outbox.append(memoryview(frame)[sent:])
            self.queued += len(frame) - sent
        else:
            self.queued += len(header) + len(payload)
            self._outbox.append(memoryview(header))
            if len(payload):
                self._outbox.append(memoryview(payload))
        self.sending = True
        return self.flush()

    def flush(self) -> bool:
        """Go on sending; True when nothing is left. Raises LinkLost."""
        outbox = self._outbox
        while outbox:
            try:
                sent = self.sock.sendmsg(self._pieces())
            except BlockingIOError:
                return False
            except OSError as error:
                raise LinkLost(f"its connection broke: {error.strerror or error}") from error
            self.last_progress = time.monotonic()
            self.gone += sent
            while outbox and sent >= len(outbox[0]):
                sent -= len(outbox.popleft())
            if sent:
                outbox[0] = outbox[0][sent:]
        self.sending = False
        return True

    def _pieces(self) -> list[memoryview]:
        """What to hand to the kernel next."""
        pieces = []
        room = PIECE_BYTES
        for view in itertools.islice(self._outbox, 64):
            pieces.append(view[:room])
            room -= len(view)
            if room <= 0:
                break
        return pieces

    def _send_now(self, frame: bytes) -> int:
        try:
            return self.sock.send(frame)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkLost(f"its connection broke: {error.strerror or error}") from error

    # Receiving

    def receive(self, prefix: bytes, into: memoryview, until: float = 0.0) -> int | None:
        """Look for the small message that is expected next, again and again until a time (monotonic).

        For the common case: the link is `even`, the payload has at most SMALL_BYTES, and the frame is in the
        kernel as a whole. Returns its form. None means that there is nothing, or something else, which is
        then in the inbox or on its way there. Raises LinkLost.
        """
        size = len(into)
        wanted = HEADER_BYTES + size
        read, stage = self._recv_into, self._stage
        while True:
            try:
                count = read(stage, wanted)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    return None
                pause()
            except OSError as error:
                self._end(f"its connection broke: {error.strerror or error}")
                return None
        if count == wanted and self._staging.startswith(prefix):
            form, length = unpack_rest(self._staging, CALL_BYTES)
            if length == size:
                self.received += 1
                if size:
                    into[:] = stage[HEADER_BYTES:wanted]
                return int(form)
        if self._came(count):
            self._take_in(stage[:count])
        return None

    def post(self, call: Call, buffer: memoryview | None) -> None:
        """Have that call's next frame put there if it fits exactly; None takes the offer back."""
        self._posted = buffer
        self._posted_for = call

    def has(self, call: Call) -> bool:
        """Whether `take` has a frame for a call, right or wrong."""
        return bool(self.inbox) or (call.operation is Operation.SEND and call.sequence in self.aside)

    def take(self, call: Call) -> Frame:
        """The frame for a call: the message of its number, if that may be overtaken, or else the oldest."""
        if call.operation is Operation.SEND and call.sequence in self.aside:
            frame = self.aside.pop(call.sequence)
        else:
            frame = self.inbox.popleft()
        self.inbox_bytes -= len(frame.payload)
        return frame

    def expect(self, expected: Expected) -> None:
        """Give a request its message as soon as it comes, or now, whatever came after it."""
        number = expected.call.sequence
        frame = self.aside.pop(number, None)
        if frame is None:
            frame = next((each for each in self.inbox if _is_message(each.header, number)), None)
            if frame is None:
                self.expected.append(expected)
                return
            self.inbox.remove(frame)
        self.inbox_bytes -= len(frame.payload)
        expected.frame = frame

    def pump(self, limit: float = PUMP_BYTES) -> None:
        """Read what is there, up to a limit. Raises LinkLost when the peer is gone without a goodbye."""
        self._quota = limit
        try:
            while self._read() and self._quota > 0:
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(f"its connection broke: {error.strerror or error}")
        missing = 1 if self._header is None else len(self._payload) - self._filled
        if missing > 1 or self._mark > 1:
            self._set_mark(max(1, min(missing, WAKE_BYTES)))

    def _set_mark(self, mark: int) -> None:
        """Have poll report this link when so many bytes are there, or when it ends."""
        if mark != self._mark:
            self._mark = mark
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)

    def _read(self) -> bool:
        """One read; False when the socket had less than was asked for, or a large payload is complete.

        The next one's buffer may be posted before it is read.
        """
        if self._header is not None:
            return self._read_payload()
        posted = self._posted
        if posted is not None and len(posted) > SMALL_BYTES and self.even:
            return self._read_posted(posted)
        into = self._stage[self._staged :]
        count = self._recv_into(into)
        if self._came(count):
            self._take_in(self._stage[: self._staged + count])
        return count == len(into)

    def _read_payload(self) -> bool:
        into = self._payload[self._filled : self._filled + PIECE_BYTES]
        count = self._recv_into(into)
        if self._came(count):
            self._filled += count
            self._deliver_if_complete()
        return count == len(into) and self._header is not None

    def _read_posted(self, posted: memoryview) -> bool:
        """Read a header and, if it is the right one, its payload straight to where it belongs."""
        count = self.sock.recvmsg_into((self._lone_header, posted[:PIECE_BYTES]))[0]
        if not self._came(count):
            return False
        filled = count - HEADER_BYTES
        if filled >= 0 and unpack_rest(self._lone_header, CALL_BYTES)[1] == len(posted):
            self._begin(_parse(self._lone_header))
            if self._payload is posted:
                self._filled = filled
                self._deliver_if_complete()
            else:
                self._fill_from(posted[:filled])
        else:
            spilled = bytes(posted[: max(filled, 0)])
            self._take_in(memoryview(bytes(self._lone_header) + spilled)[:count])
        return self._header is not None and filled == PIECE_BYTES

    def _came(self, count: int) -> bool:
        """Note the progress; a read of nothing is the end of the stream."""
        if count:
            self.last_progress = time.monotonic()
            self._quota -= count
            return True
        self._end("its process ended" if not self.midway else "its process ended in the middle of a message")
        return False

    def _take_in(self, data: memoryview) -> None:
        """Cut what was read into frames; the beginning of a header goes back to the stage."""
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
        wanted = self._posted
        expected = self._expected(header)
        if expected and expected.into is not None and len(expected.into) == header.length:
            self._payload = expected.into
        elif (
            wanted is not None
            and header.call == self._posted_for
            and not expected
            and not self.inbox
            and header.length == len(wanted)
        ):
            self._payload, self._posted = wanted, None
        else:
            self._payload = memoryview(np.empty(header.length, np.uint8))  # type: ignore[arg-type]

    def _fill_from(self, data: memoryview) -> int:
        """Give a frame that has just begun what was read behind its header; how much of it that was."""
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
        if header.kind is Kind.BYE:
            self.left = True
        elif header.kind is Kind.ABORT:
            self.abort = self.abort or Abort.unpack(bytes(payload), self.peer)
        elif header.kind is Kind.WAIT:
            self.waiting = _waiting(header, payload)
        else:
            self.received += 1
            self._deliver(Frame(header, payload))

    def _deliver(self, frame: Frame) -> None:
        expected = self._expected(frame.header)
        if expected:
            self.expected.remove(expected)
            expected.frame = frame
            return
        if frame.header.form & ASIDE:
            self.aside[frame.header.call.sequence] = frame
        else:
            self.inbox.append(frame)
        self.inbox_bytes += len(frame.payload)

    def _expected(self, header: Header) -> Expected | None:
        """The request that this frame is the message for."""
        if not self.expected:
            return None
        return next((each for each in self.expected if _is_message(header, each.call.sequence)), None)

    # Ending

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

    def _end(self, reason: str) -> None:
        self.ended = True
        if not self.left and not self.abort:
            raise LinkLost(reason)


def _is_message(header: Header, number: int) -> bool:
    return (
        header.kind is Kind.DATA
        and header.call.operation is Operation.SEND
        and header.call.sequence == number
    )


def _parse(data: memoryview) -> Header:
    try:
        return unpack_header(data)
    except ValueError as error:
        raise LinkLost(f"it sent something that is no frame: {error}") from error


def _waiting(header: Header, payload: memoryview) -> Waiting:
    try:
        return Waiting.of(header, payload)
    except ValueError as error:
        raise LinkLost(f"it sent something that is no frame: {error}") from error
