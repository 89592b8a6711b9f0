"""The communicators of this process, and their end.

A rank that just ends is a failure to the others, so communicators that are still open when the interpreter
exits are closed with a goodbye, or aborted if it exits because of an exception.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Protocol


class Live(Protocol):
    """What is needed of a communicator; `fmi.comm._session.Session` is one.

    Attributes:
        process: id of the process it belongs to.
    """

    process: int

    def abort(self, reason: str) -> None:
        """Close, and tell the others why."""

    def close(self) -> None:
        """Close with a goodbye."""

    def disown(self) -> None:
        """Have nothing to do with the world any more."""


_live: weakref.WeakSet[Live] = weakref.WeakSet()
_prepared_in: set[int] = set()


def register(communicator: Live) -> None:
    """Have `finalize` know a communicator, and have it called when this process ends."""
    _live.add(communicator)
    if os.getpid() in _prepared_in:
        return
    _prepared_in.add(os.getpid())
    atexit.register(_at_exit)
    # A process of multiprocessing ends without running atexit's callbacks; it has its own.
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        multiprocessing.Finalize(None, _at_exit, exitpriority=10)


def _disown_in_child() -> None:
    for communicator in list(_live):
        communicator.disown()


os.register_at_fork(after_in_child=_disown_in_child)


def finalize(reason: str | None = None) -> None:
    """Close every live communicator of this process; with a reason, abort them, so that others know."""
    for communicator in list(_live):
        _live.discard(communicator)
        if communicator.process != os.getpid():
            continue  # inherited by fork: the connections are the parent's
        if reason is not None:
            communicator.abort(reason)
        communicator.close()


def _at_exit() -> None:
    error = getattr(sys, "last_value", None)
    finalize(None if error is None else f"{type(error).__name__}: {error}")
