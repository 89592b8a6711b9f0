"""Locks on files, which the system releases with the process, however that ends."""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(lock: IO[str], how: int) -> bool:
    """Take the lock of an open file, fcntl.LOCK_EX or LOCK_SH, unless somebody else's is in the way."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
