"""The state file by which other processes find a running daemon."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

STATE_FILE = "localcloud.json"
LOG_FILE = "localcloud.log"
LOCK_FILE = "localcloud.lock"
RUNTIMES = ("process", "container")


@dataclass(frozen=True)
class DaemonState:
    """Identity of one daemon; `created` (unix seconds) tells it from a later process with the same pid."""

    pid: int
    created: float
    port: int
    instance_id: str
    code_root: str
    runtime: str = "process"
    """Where functions and tasks run: process or container."""

    @classmethod
    def of_this_process(cls, port: int, instance_id: str, code_root: Path, runtime: str) -> DaemonState:
        """The state of the calling process, which is the daemon."""
        created = psutil.Process().create_time()
        return cls(os.getpid(), created, port, instance_id, str(code_root), runtime)

    @classmethod
    def read(cls, state_dir: Path) -> DaemonState | None:
        """What the state file says, or None where there is none or it is unreadable."""
        try:
            return cls(**json.loads((state_dir / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, state_dir: Path) -> None:
        """Replace the state file in one step, so that no reader ever sees half of it."""
        temporary = state_dir / f"{STATE_FILE}.{self.pid}"
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(state_dir / STATE_FILE)

    def remove(self, state_dir: Path) -> None:
        """Remove the state file if it is still this daemon's."""
        if DaemonState.read(state_dir) == self:
            (state_dir / STATE_FILE).unlink(missing_ok=True)

    def process(self) -> psutil.Process | None:
        """The living daemon process, or None where the pid is gone or belongs to another process."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None
