"""Detects edits of the code below the code root, so that warm environments do not run old code."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_SKIPPED = {"__pycache__", "node_modules", "site-packages"}
_RECHECK_SECONDS = 1.0


class CodeStamp:
    """A text that changes when a Python file below `root` is changed, added or removed.

    Hidden folders and virtual environments do not count. The folder is looked through once a second at most.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._stamp = ""

    def current(self) -> str:
        """The stamp, at most a second old."""
        with self._lock:
            if time.monotonic() - self._checked > _RECHECK_SECONDS:
                self._stamp = self._scan()
                self._checked = time.monotonic()
            return self._stamp

    def _scan(self) -> str:
        count, newest = 0, 0
        for folder, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if not self._skip(folder, name)]
            for name in files:
                if name.endswith(".py"):
                    try:
                        newest = max(newest, (Path(folder) / name).stat().st_mtime_ns)
                    except FileNotFoundError:
                        continue  # an editor replaced it just now; the next look sees the new one
                    count += 1
        return f"{count}-{newest}"

    @staticmethod
    def _skip(folder: str, name: str) -> bool:
        return name.startswith(".") or name in _SKIPPED or (Path(folder) / name / "pyvenv.cfg").exists()
