"""The thread that moves requests on while their caller computes.

It sleeps in `poll` and takes the communicator's lock only to move what is ready, and only if it is free:
whoever holds it moves everything anyway. It is started by the first request, does nothing while none is under
way, and ends with the communicator.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from fmi._forks import close_in_children
from fmi._tasks import READ, Wait, poll
from fmi.channels.base import Channel
from fmi.collectives.running import RunningCalls

# A caller often waits for a request right after it was made; then this thread would only be in its way.
FIRST_PAUSE_S = 0.001
LAST_PAUSE_S = 0.02


class Lock(Protocol):
    """What is needed of a lock."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it."""

    def release(self) -> None:
        """Give it back."""


class Progress:
    """One communicator's thread.

    Args:
        channel: what moves.
        running: the calls that go on with it.
        lock: held while something is done with the channel.
        fail: is told, with the lock held, about an error, and closes the channel.
    """

    def __init__(
        self, channel: Channel, running: RunningCalls, lock: Lock, fail: Callable[[BaseException], None]
    ) -> None:
        self._channel = channel
        self._running = running
        self._lock = lock
        self._fail = fail
        self._stopped = threading.Event()
        self._asleep = False
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            close_in_children(end)
            end.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="fmi requests", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new to wait for; the caller holds the lock."""
        if self._asleep:
            self._asleep = False
            self._call()

    def dismiss(self) -> None:
        """Have the thread end soon and give its descriptors back."""
        self._stopped.set()
        self._call()

    def stop(self) -> None:
        """End the thread."""
        self.dismiss()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _call(self) -> None:
        with contextlib.suppress(OSError):  # it has been called often enough, or has ended
            self._mouth.send(b"\0")

    def _run(self) -> None:
        with self._ear, self._mouth:
            self._stopped.wait(FIRST_PAUSE_S)
            pause = FIRST_PAUSE_S
            while not self._stopped.is_set():
                if self._lock.acquire(blocking=False):
                    pause = FIRST_PAUSE_S
                    self._sleep(self._step())
                else:
                    self._stopped.wait(pause)
                    pause = min(2 * pause, LAST_PAUSE_S)

    def _step(self) -> Wait:
        """Move on what can, and give the lock back; what to wait for then."""
        try:
            self._asleep = True
            if self._channel.outstanding:
                self._channel.advance()
                self._running.go_on()
                if self._channel.outstanding:
                    return self._channel.waiting()
                self._channel.rest()
        except BaseException as error:
            self._fail(error)
        finally:
            self._lock.release()
        return Wait({}, math.inf)

    def _sleep(self, wait: Wait) -> None:
        ready = poll(Wait({**wait.sockets, self._ear.fileno(): READ}, wait.until))
        if self._ear.fileno() in ready:
            self._ear.recv(4096)
            self._stopped.wait(FIRST_PAUSE_S)
