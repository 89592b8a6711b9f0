"""A sign of life that a process gives for as long as it lives, where the storage lets keys vanish by time."""

from __future__ import annotations

import contextlib
import threading

from fmi.channels.storage.store import Store

# A rank counts as dead when it has given no sign for ALIVE_S. Long enough for a process that holds on to
# Python's lock in a library call, short enough to save the others most of the wait.
ALIVE_S = 10.0
BEAT_S = 2.0


class Heartbeat:
    """One rank's sign, renewed from a thread of its own until it is closed, and its look at the others'."""

    def __init__(self, store: Store, world: str, rank: int, nonce: bytes) -> None:
        self._store = store
        self._world = world
        self._mine = self._key(rank, nonce)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="fmi presence", daemon=True)
        self._works = store.keep_alive(self._mine, ALIVE_S)
        if self._works:
            self._thread.start()

    def sees(self, rank: int, nonce: bytes) -> bool:
        """Whether that rank gives signs; always true where there are none to be had."""
        return not self._works or self._store.is_alive(self._key(rank, nonce))

    def close(self) -> None:
        """Give no further sign, and take the last one back."""
        self._stopped.set()
        if self._works:
            self._thread.join()
            with contextlib.suppress(Exception):  # then it vanishes by itself
                self._store.delete(self._mine)

    def _key(self, rank: int, nonce: bytes) -> str:
        return f"{self._world}/{rank}/alive-{nonce.hex()}"

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_S):
            with contextlib.suppress(Exception):  # the rank's own calls will say what is wrong
                self._store.keep_alive(self._mine, ALIVE_S)
