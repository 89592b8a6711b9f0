"""How much memory a process and those that it started use, in MB of 1024² bytes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

_MB = 1024 * 1024
# Looking for children costs more than measuring.
_LOOK_SECONDS = 0.5


class Family:
    """A process and all that it started and that these started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._children: list[psutil.Process] = []
        self._next_look = 0.0

    def resident_mb(self) -> int:
        """Resident memory now, rounded up; 0 when the process has ended.

        What they share counts once where the system says how much that is, which Linux does: Lambda counts an
        environment's memory as a whole.
        """
        try:
            process = psutil.Process(self._pid)
            if time.monotonic() >= self._next_look:
                self._children = _descendants(process)
                self._next_look = time.monotonic() + _LOOK_SECONDS
            if not self._children:
                return -(-process.memory_info().rss // _MB)
            return -(-sum(map(_share, [process, *self._children])) // _MB)
        except psutil.Error:
            return 0


def peak_mb(pid: int) -> int:
    """Peak resident memory of this process alone: exact on Linux, 0 if ended, or elsewhere."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return -(-int(line.split()[1]) // 1024)
    except OSError:
        pass
    return 0


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Linux names the children of a thread; psutil looks at every process of the machine instead."""
    threads = Path(f"/proc/{process.pid}/task")
    if not (threads / str(process.pid) / "children").exists():
        return process.children(recursive=True)
    found = []
    for thread in _listed(threads):
        with suppress(OSError):
            for pid in (thread / "children").read_text().split():
                with suppress(psutil.Error):
                    child = psutil.Process(int(pid))
                    found += [child, *_descendants(child)]
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # it has ended meanwhile


def _share(process: psutil.Process) -> int:
    """A process's share of the memory that it has in use, in bytes."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
