"""What a script prints: it goes to the log, and its last lines are kept for the rank's outcome."""

from __future__ import annotations

import codecs
import contextlib
import io
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

TAIL_LINES = 40
LINE_LENGTH = 500


class Tail:
    """Keeps the last lines of a text."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._open = ""
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        """Add text; lines may arrive in pieces and from several threads."""
        with self._lock:
            *complete, rest = (self._open + text).split("\n")
            self._lines.extend(line[-LINE_LENGTH:] for line in complete)
            self._open = rest[-LINE_LENGTH:]

    def lines(self) -> list[str]:
        """The last lines, the unfinished one included."""
        with self._lock:
            return [*self._lines, self._open][-TAIL_LINES:] if self._open else list(self._lines)


class _Tee(io.BufferedIOBase):
    """Writes UTF-8 bytes as text to another stream and to a tail.

    The other stream is the process' own. It stays open if the script closes its `sys.stdout`, or wraps its
    `buffer`, which closes it as well.
    """

    def __init__(self, stream: TextIO, tail: Tail) -> None:
        self._stream = stream
        self._tail = tail
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    @property
    def name(self) -> str:
        return self._stream.name

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        count = memoryview(data).nbytes
        text = self._decoder.decode(bytes(data))
        self._tail.add(text)
        self._stream.write(text)
        return count

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextmanager
def capture() -> Iterator[Tail]:
    """Copy what is printed to `sys.stdout` and `sys.stderr` to a tail; restore both at the end."""
    tail = Tail()
    with redirect_stdout(_stream(sys.stdout, tail)), redirect_stderr(_stream(sys.stderr, tail)):
        try:
            yield tail
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(ValueError):  # closed by the script
                    stream.flush()


def _stream(stream: TextIO, tail: Tail) -> TextIO:
    return io.TextIOWrapper(_Tee(stream, tail), "utf-8", "backslashreplace", newline="", write_through=True)
