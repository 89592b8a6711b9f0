"""The sending half of a connection: sends what the kernel takes, and the rest when it has room again."""

from __future__ import annotations

import itertools
import socket
import time
from collections import deque
from collections.abc import Iterable

# Up to here copying a payload behind its header costs less than giving two pieces to the kernel.
JOIN_BYTES = 32 * 1024
# Some systems refuse to move more than 2 GiB at once.
PIECE_BYTES = 1 << 30


class ConnectionLost(Exception):  # noqa: N818 - becomes a PeerFailure one level up
    """The connection is lost; the text says how."""

    @classmethod
    def broken(cls, error: OSError) -> ConnectionLost:
        """The loss that an error of the kernel means."""
        return cls(f"its connection broke: {error.strerror or error}")


class SendQueue:
    """What is to be sent over one socket.

    Attributes:
        sending: whether something is queued.
        queued, gone: bytes that could not be sent at once, and how many of them were sent since.
        last_progress: when the last bytes went (`time.monotonic()`).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._send = sock.send
        self._queued: deque[memoryview] = deque()
        self.sending = False
        self.queued = 0
        self.gone = 0
        self.last_progress = time.monotonic()

    def push(self, header: bytes, payload: memoryview | bytes = b"") -> bool:
        """Send a frame as far as possible now; False when some of it is queued.

        The payload must not change until `sending` is False. Raises ConnectionLost.
        """
        size = len(payload)
        if size <= JOIN_BYTES:
            frame = header + payload
            sent = 0 if self.sending else self._send_one(frame)
            if sent == len(frame):
                return True
            self.add(frame[sent:])
        else:
            sent = 0 if self.sending or size > PIECE_BYTES else self._send_many((header, payload))
            if sent == len(header) + size:
                return True
            for piece in (header, payload):
                self.add(memoryview(piece)[sent:])
                sent = max(0, sent - len(piece))
        return self.flush()

    def add(self, data: memoryview | bytes) -> None:
        """Send this when `flush` is called; until then it must not change."""
        self._queued.append(memoryview(data))
        self.queued += len(data)
        self.sending = True

    def flush(self) -> bool:
        """Send what is queued; True when nothing is left. Raises ConnectionLost."""
        queued = self._queued
        while queued:
            sent = self._send_many(self._pieces())
            if not sent:
                return False
            self.last_progress = time.monotonic()
            self.gone += sent
            while queued and sent >= len(queued[0]):
                sent -= len(queued.popleft())
            if sent:
                queued[0] = queued[0][sent:]
        self.sending = False
        return True

    def _send_one(self, frame: bytes) -> int:
        """Send what the kernel takes at once; return how many bytes. Raises ConnectionLost."""
        try:
            return self._send(frame)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost.broken(error) from error

    def _send_many(self, pieces: Iterable[memoryview | bytes]) -> int:
        try:
            return self._sock.sendmsg(pieces)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionLost.broken(error) from error

    def _pieces(self) -> list[memoryview]:
        """The next pieces for the kernel."""
        pieces = []
        room = PIECE_BYTES
        for view in itertools.islice(self._queued, 64):
            pieces.append(view[:room])
            room -= len(view)
            if room <= 0:
                break
        return pieces
