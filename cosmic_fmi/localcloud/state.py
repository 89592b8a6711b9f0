"""The state file by which other processes find a running daemon."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cosmic_fmi.localcloud.locks import try_lock

STATE_FILE = "localcloud.json"
LOG_FILE = "localcloud.log"
LOCK_FILE = "localcloud.lock"
RUNTIMES = ("process", "container")


@dataclass(frozen=True)
class DaemonState:
    """Identity of one daemon; `created` (unix seconds) tells it from a later process with the same pid.

    `state_dir` tells it from the copy that a copied folder holds. `key` is the access key id that requests
    have to be signed with; it makes the daemon, which runs what it is told to, obey its user only.
    """

    pid: int
    created: float
    port: int
    instance_id: str
    code_root: str
    state_dir: str
    key: str
    runtime: str = "process"
    """Where functions and tasks run: process or container."""

    @classmethod
    def of_this_process(
        cls, port: int, instance_id: str, *, code_root: Path, state_dir: Path, key: str, runtime: str
    ) -> DaemonState:
        """The state of the calling process, which is the daemon."""
        created = psutil.Process().create_time()
        return cls(os.getpid(), created, port, instance_id, str(code_root), str(state_dir), key, runtime)

    @classmethod
    def read(cls, state_dir: Path) -> DaemonState | None:
        """Read the state file; None where there is none, or one of another folder or version."""
        try:
            state = cls(**json.loads((state_dir / STATE_FILE).read_text()))
            # Not the names: a file system may know one folder by several.
            return state if Path(state.state_dir).samefile(state_dir) else None
        except (OSError, ValueError, TypeError):
            return None

    def write(self, state_dir: Path) -> None:
        """Replace the state file atomically."""
        temporary = state_dir / f"{STATE_FILE}.{self.pid}"
        temporary.touch(mode=0o600)  # nobody else may read the key
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(state_dir / STATE_FILE)

    def is_gone(self, state_dir: Path) -> bool:
        """Whether the state file, or its folder, was removed: then no process can find this daemon."""
        try:
            return not (state_dir / STATE_FILE).exists()
        except OSError:
            return False

    def remove(self, state_dir: Path) -> None:
        """Remove the state file if it is still this daemon's."""
        if DaemonState.read(state_dir) == self:
            (state_dir / STATE_FILE).unlink(missing_ok=True)

    def process(self) -> psutil.Process | None:
        """The running daemon process, or None where it has ended or its pid belongs to another process."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def lock_holder(state_dir: Path) -> psutil.Process | None:
    """The daemon that holds the folder's lock, whether it answers or not, whatever its state file says."""
    try:
        with (state_dir / LOCK_FILE).open() as lock:
            if not try_lock(lock, fcntl.LOCK_SH):
                return psutil.Process(int(lock.read()))
    except (OSError, ValueError, psutil.Error):
        pass
    return None
