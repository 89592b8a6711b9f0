"""Signals that end a command, and clean-up that they must not cut short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ends a command like Ctrl-C: a kill, and a terminal that is closed."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals of ENDING raise KeyboardInterrupt."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(ENDING, interrupt):
        yield


@contextmanager
def shielded(notify: Callable[[str], None]) -> Iterator[None]:
    """Let the block finish at the first Ctrl-C, which ``notify`` gets a line about; the second one ends it.

    The second one raises a KeyboardInterrupt with a sentence. Other threads get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = 0

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise KeyboardInterrupt("Interrupted while stopping: what this run started may still run.")
        notify("Stopping what this run started (Ctrl-C once more leaves it running) ...")

    with _handled((signal.SIGINT, *ENDING), ask):
        yield


@contextmanager
def _handled(numbers: Iterable[int], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Install ``handler`` for these signals, except for those that are ignored already (nohup)."""
    before = {number: signal.getsignal(number) for number in numbers}
    for number, former in before.items():
        if former is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
