"""The stream that a Docker engine sends of an attached container: its frames, and marks between its lines.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import secrets
import struct
import threading
from collections import defaultdict
from collections.abc import Callable

_HEADER = struct.Struct(">BxxxL")
_LONGEST_LINE = 256 * 1024
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
    """Merges stdout and stderr line by line, and takes marks out: lines that say how far the output has come.

    Between a container and whoever is attached to it are an engine and several buffers, so an invocation that
    has ended may still have lines on their way. A mark written to both streams after it has ended comes after
    them.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(16).encode()
        self._frames = Frames()
        self._unfinished: defaultdict[int, bytes] = defaultdict(bytes)
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
        return self._wait(lambda: self._ended or min(self._last.values()) >= number, seconds)

    def wait_for_end(self, seconds: float) -> bool:
        """Block until there is no more output; False when it takes too long."""
        return self._wait(lambda: self._ended, seconds)

    def decode(self, data: bytes) -> bytes:
        """The whole lines that these bytes of the attached stream complete, without marks."""
        return b"".join(self._lines(stream, content) for stream, content in self._frames.feed(data))

    def end(self) -> bytes:
        """End of the stream: the rest, which has no end of line."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        return b"".join(self._unfinished.pop(stream, b"") for stream in OUTPUTS)

    def _lines(self, stream: int, content: bytes) -> bytes:
        *whole, rest = (self._unfinished.pop(stream, b"") + content).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        self._unfinished[stream] = rest
        return b"".join(self._without_mark(stream, line) for line in whole)

    def _without_mark(self, stream: int, line: bytes) -> bytes:
        before, mark, number = line.partition(self._token)
        if not mark:
            return line + b"\n"
        with self._change:
            self._last[stream] = int(number)
            self._change.notify_all()
        return before + b"\n" if before else b""  # a last line without an end gets one

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._change:
            return self._change.wait_for(condition, timeout=seconds)
