"""Ends a process when the daemon that started it has ended, for whatever reason."""

from __future__ import annotations

import os
import signal
import threading


def exit_with_parent(descriptor: int) -> None:
    """Kill this process's group once `descriptor`, a pipe whose other end only the daemon holds, reads EOF.

    A SIGKILL gives the daemon no chance to clean up, but the system closes its descriptors for it.
    """
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_watch, args=(descriptor,), name="parent-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):
        continue
    os.killpg(0, signal.SIGKILL)
