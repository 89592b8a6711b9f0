"""How much a function's process has written to its /tmp, looked at now and then.

A folder has no size of its own that its files could not grow beyond, as a file system in memory has: that
would take the memory that a laptop needs for the functions. So whoever has written too much is noticed
afterwards.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_SECONDS = 2.0
# A look at many files takes long, and is taken more rarely.
_SHARE = 0.02
_MB = 1024 * 1024
_BLOCK = 512


class TmpSize:
    """The size of a folder in MB, rounded down, as it was a few seconds ago."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mb = 0
        self._next = 0.0

    def mb(self) -> int:
        """Look again if it is time to."""
        began = time.monotonic()
        if began >= self._next:
            self._mb = _bytes_below(os.fspath(self._folder)) // _MB
            ended = time.monotonic()
            self._next = ended + max(_SECONDS, (ended - began) / _SHARE)
        return self._mb


def _bytes_below(folder: str) -> int:
    used = 0
    # Files come and go meanwhile.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                used += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                if entry.is_dir(follow_symlinks=False):
                    used += _bytes_below(entry.path)
    return used
