"""How much memory this process has held."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory() -> float:
    """Most resident memory that this process has had, in bytes.

    Linux's getrusage counts what the parent held when it started this process, so the kernel's own record of
    this process is read where there is one.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    import resource  # noqa: PLC0415 - absent where there is no POSIX

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
