"""Commands that share one embedded AWS: they prepare it one after the other, and use it side by side."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cosmic_fmi.localcloud.locks import try_lock


class LocalLock:
    """Locks in a state folder, which the system releases with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: IO[str] | None = None

    @contextmanager
    def preparing(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Nobody else prepares or destroys it meanwhile; ``notify`` gets a line if this has to wait."""
        with self._open("prepare.lock") as lock:
            if not try_lock(lock, fcntl.LOCK_EX):
                notify("Waiting for another command, which prepares the embedded AWS or takes it down ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def use(self) -> None:
        """Count as a user until :meth:`leave`."""
        if self._users is None:
            self._users = self._open("use.lock")
        fcntl.flock(self._users, fcntl.LOCK_SH)

    def alone(self) -> bool:
        """Whether there is no other user; then nobody else can become one before :meth:`leave`."""
        return self._users is not None and try_lock(self._users, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Stop counting as a user."""
        if self._users is not None:
            self._users.close()
            self._users = None

    def _open(self, name: str) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        return (self._folder / name).open("a")
