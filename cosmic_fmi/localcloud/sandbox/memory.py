"""How much memory a process uses, in MB of 1024² bytes."""

from __future__ import annotations

from pathlib import Path

import psutil

_MB = 1024 * 1024


def resident_mb(pid: int) -> int:
    """Resident memory now, rounded up; 0 when the process has ended."""
    try:
        return -(-psutil.Process(pid).memory_info().rss // _MB)
    except psutil.Error:
        return 0


def peak_mb(pid: int) -> int:
    """Peak resident memory: exact on Linux, elsewhere the present value; 0 when the process has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return -(-int(line.split()[1]) // 1024)
    except OSError:
        pass
    return resident_mb(pid)
