"""Reads a process's standard output line by line, with a flush that is exact."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Sequence

# CloudWatch's limit for one event.
_LONGEST_LINE = 256 * 1024
# More than any pipe holds: one flush sees all that was written before it, and ends beside a busy writer too.
_FLUSH_LIMIT = 1024 * 1024


class OutputReader:
    """Reads from a pipe and passes whole lines on to `sink`.

    A write to a pipe has returned only when its bytes are in the pipe. A process that first prints and then
    calls the Runtime API has therefore filled the pipe before the call arrives, and flush(), called after
    that, passes on every line of it: no waiting, no guessing. `decode` takes the lines' bytes out of what was
    read; `end` is called once, at the end of all, for what it kept back.
    """

    def __init__(
        self,
        descriptor: int,
        sink: Callable[[Sequence[str]], None],
        *,
        decode: Callable[[bytes], bytes] = bytes,
        end: Callable[[], bytes] = bytes,
    ) -> None:
        self._descriptor = descriptor
        self._sink = sink
        self._decode = decode
        self._end = end
        self._lock = threading.Lock()
        self._partial = b""
        self._open = True
        os.set_blocking(descriptor, False)
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Pass on everything written so far, an unfinished last line too."""
        with self._lock:
            self._drain()
            self._emit(final=True)

    def close(self) -> None:
        """Flush and stop reading; a grandchild that still holds the pipe no longer keeps it open here."""
        with self._lock:
            self._drain()
            self._close()

    def _run(self) -> None:
        # Not select(), which knows the first 1,024 descriptors only.
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while self._open:
            # Wakes up at intervals, because closing a descriptor does not wake the thread that reads it.
            ready = poll.poll(500)
            with self._lock:
                if ready:
                    self._drain()
                    self._emit(final=False)

    def _drain(self) -> None:
        taken = 0
        while self._open and taken < _FLUSH_LIMIT:
            try:
                data = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return
            if not data:
                self._close()
                return
            taken += len(data)
            self._partial += self._decode(data)

    def _emit(self, *, final: bool) -> None:
        *whole, rest = self._partial.split(b"\n")
        lines = [line + b"\n" for line in whole]
        if rest and (final or len(rest) > _LONGEST_LINE):
            lines.append(rest)
            rest = b""
        self._partial = rest
        if lines:
            self._sink([line.decode("utf-8", errors="replace") for line in lines])

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)
            self._partial += self._end()
            self._emit(final=True)
