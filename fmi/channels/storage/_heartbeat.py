"""Heartbeats: a key that a rank renews for as long as it lives, where the store lets keys expire."""

from __future__ import annotations

import contextlib
import threading

from fmi.channels.storage.store import Store

# A rank counts as dead when its key has not been renewed for ALIVE_S. That is long enough for a process that
# holds Python's lock in a library call, and short enough to save the others most of the wait.
ALIVE_S = 10.0
BEAT_S = 2.0


class Heartbeat:
    """One rank's key, renewed by a thread until it is closed; and whether the other ranks' keys exist."""

    def __init__(self, store: Store, world: str, rank: int, nonce: bytes) -> None:
        self._store = store
        self._world = world
        self._mine = self._key(rank, nonce)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="fmi heartbeat", daemon=True)
        self._works = store.keep_alive(self._mine, ALIVE_S)
        if self._works:
            self._thread.start()

    def is_alive(self, rank: int, nonce: bytes) -> bool:
        """Whether that rank is alive, as far as the store can tell; always true where it cannot."""
        return not self._works or self._store.is_alive(self._key(rank, nonce))

    def close(self) -> None:
        """Stop renewing the key, and delete it."""
        self._stopped.set()
        if self._works:
            self._thread.join()
            with contextlib.suppress(Exception):  # then it expires
                self._store.delete(self._mine)

    def _key(self, rank: int, nonce: bytes) -> str:
        return f"{self._world}/{rank}/alive-{nonce.hex()}"

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_S):
            with contextlib.suppress(Exception):  # the rank's own calls will say what is wrong
                self._store.keep_alive(self._mine, ALIVE_S)
