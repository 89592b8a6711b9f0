"""Ends a command of Terraform's that would wait in vain, for minutes or for ever, and says why it did."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator

Trouble = Callable[[float], str | None]
"""Given the seconds since the command last got anywhere: a sentence once it has to be ended, else None."""

_LOOK_SECONDS = 1.0


class Watch:
    """Looks after one command; ``idle`` says for how many seconds it has got nowhere."""

    def __init__(self, trouble: Trouble, idle: Callable[[], float]) -> None:
        self.reason: str | None = None
        """Why the command was ended, if it was."""
        self._trouble = trouble
        self._idle = idle
        self._ended = threading.Event()

    @contextlib.contextmanager
    def over(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Look after ``process``, which leads a process group, while the block runs."""
        thread = threading.Thread(target=self._look, args=(process,), name="terraform-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self, process: subprocess.Popen[str]) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.reason = self._trouble(self._idle())
            if self.reason is not None:
                # Its providers are in its group. Asked kindly, they would go on waiting.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                return
