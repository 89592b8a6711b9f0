"""The thread that moves requests on while their caller computes.

It sleeps in `poll` without the communicator's lock, so that an operation never waits for it for long, and
takes the lock only to move what is ready. It is started by the first request that is not over at once, does
nothing while none is under way, and ends with the communicator.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable

from fmi.channel import Channel
from fmi.tasks import READ, Wait, poll


class Progress:
    """One communicator's thread.

    Args:
        channel: what moves.
        lock: held while something is done with the channel.
        fail: is told, with the lock held, about an error; then the channel has been closed.
    """

    def __init__(
        self,
        channel: Channel,
        lock: contextlib.AbstractContextManager[object],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._channel = channel
        self._lock = lock
        self._fail = fail
        self._stopped = False
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="fmi requests", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new to wait for."""
        with contextlib.suppress(OSError):  # it has been told often enough, or has ended
            self._mouth.send(b"\0")

    def dismiss(self) -> None:
        """Have the thread end soon and give its descriptors back."""
        self._stopped = True
        self.wake()

    def stop(self) -> None:
        """End the thread."""
        self.dismiss()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        with self._ear, self._mouth:
            while not self._stopped:
                with self._lock:
                    wait = self._step()
                ready = poll(Wait({**wait.sockets, self._ear.fileno(): READ}, wait.until))
                if self._ear.fileno() in ready:
                    self._ear.recv(4096)

    def _step(self) -> Wait:
        """Move on what can; what to wait for then."""
        try:
            if self._channel.outstanding:
                self._channel.advance()
                if self._channel.outstanding:
                    return self._channel.waiting()
                self._channel.rest()
        except BaseException as error:
            self._fail(error)
        return Wait({}, math.inf)
