"""The stream that a Docker engine sends of an attached container: its frames, and marks between its lines.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import secrets
import struct
import threading
from collections import defaultdict

_HEADER = struct.Struct(">BxxxL")
OUTPUTS = (1, 2)  # stdout and stderr


class Frames:
    """Takes frames apart, in whatever pieces they come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(stream, content) of every frame that `data` completes, in order."""
        self._rest += data
        found = []
        while len(self._rest) >= _HEADER.size:
            stream, size = _HEADER.unpack_from(self._rest)
            end = _HEADER.size + size
            if len(self._rest) < end:
                break
            found.append((stream, self._rest[_HEADER.size : end]))
            self._rest = self._rest[end:]
        return found


class MarkedOutput:
    """Merges stdout and stderr, and takes marks out of them: lines that say how far the output has come.

    Between a container and whoever is attached to it are an engine and several buffers, so an invocation that
    has ended may still have lines on their way. A mark written to both streams after it has ended comes after
    them.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(16).encode()
        self._frames = Frames()
        self._held: defaultdict[int, bytes] = defaultdict(bytes)
        self._last: dict[int, int] = dict.fromkeys(OUTPUTS, 0)
        self._written = 0
        self._change = threading.Condition()
        self._ended = False

    def next_mark(self) -> tuple[int, bytes]:
        """A new mark: its number, and the line that has to be written to both streams."""
        with self._change:
            self._written += 1
            return self._written, b"%s%d\n" % (self._token, self._written)

    def wait_for(self, number: int, seconds: float) -> bool:
        """Block until both streams have come to this mark, or to their end; False when it takes too long."""
        with self._change:
            return self._change.wait_for(
                lambda: self._ended or min(self._last.values()) >= number, timeout=seconds
            )

    def end(self) -> None:
        """There is no more."""
        with self._change:
            self._ended = True
            self._change.notify_all()

    def decode(self, data: bytes) -> bytes:
        """The output in these bytes of the attached stream, without marks."""
        return b"".join(self._without_marks(stream, content) for stream, content in self._frames.feed(data))

    def _without_marks(self, stream: int, content: bytes) -> bytes:
        text = self._held.pop(stream, b"") + content
        clean = b""
        while (at := text.find(self._token)) >= 0:
            number, newline, rest = text[at + len(self._token) :].partition(b"\n")
            clean += text[:at]
            if not newline:
                self._held[stream] = text[at:]
                return clean
            self._passed(stream, int(number))
            text = rest
        keep = self._start_of_token(text)
        self._held[stream] = text[len(text) - keep :]
        return clean + text[: len(text) - keep]

    def _start_of_token(self, text: bytes) -> int:
        """How many bytes at the end of `text` may be the beginning of a mark."""
        return next(
            (size for size in range(len(self._token) - 1, 0, -1) if text.endswith(self._token[:size])), 0
        )

    def _passed(self, stream: int, number: int) -> None:
        with self._change:
            self._last[stream] = number
            self._change.notify_all()
