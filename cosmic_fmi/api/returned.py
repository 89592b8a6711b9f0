"""What the ranks of a function returned or raised, from the files that came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cloudpickle

from cosmic_fmi.api.errors import FunctionError, RankError, RunError
from cosmic_fmi.api.finished import Run
from cosmic_fmi.api.on_rank import RAISED, RETURNED

_LAST_LINES = 20


@dataclass(frozen=True)
class _Raised:
    rank: int
    kind: str
    message: str
    traceback: str


def values(run: Run) -> list[Any]:
    """What each rank returned. Only for a run that was made just now: unpickling runs code of the file."""
    return [_value(run, rank) for rank in range(run.world_size)]


def error_of(run: Run) -> RunError:
    """The error of a run that did not succeed: the rank's that failed first, where it is a rank's."""
    raised = _raised(run) or _printed(run)
    if raised is None:
        return RunError(run.error or f"{run.name} {run.status}", run)
    return RankError(raised.rank, raised.kind, raised.message, raised.traceback, run)


def _value(run: Run, rank: int) -> object:
    path = run.files_folder / str(rank) / RETURNED
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(
            f"what rank {rank} returned did not come back: {path}: {error.strerror}", run
        ) from None
    try:
        value: object = cloudpickle.loads(data)
    except Exception as error:
        raise FunctionError(
            f"what rank {rank} returned cannot be read here: {type(error).__name__}: {error}. Return plain "
            f"values or NumPy arrays, or write a file to OUTPUT_PATH. It is kept in {path}"
        ) from error
    return value


def _raised(run: Run) -> _Raised | None:
    """The first cause: other ranks fail afterwards because a peer is gone, with errors of fmi."""
    found = []
    for rank in range(run.world_size):
        path = run.files_folder / str(rank) / RAISED
        if path.is_file():
            said = json.loads(path.read_text())
            one = _Raised(rank, said["type"], said["message"], said["traceback"])
            found.append((said["is_fmi"], said["at"], one))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _printed(run: Run) -> _Raised | None:
    """The first failed rank of a script, with what it printed last."""
    failed = [row for row in run.ranks if row.get("status") == "failed"]
    if not failed:
        return None
    # The run's error is the one that the state machine took for the cause.
    row = next((row for row in failed if str(row.get("error_message")) in (run.error or "")), failed[0])
    rank = int(row["rank"])
    last = "\n".join(run.output.get(rank, [])[-_LAST_LINES:])
    return _Raised(rank, str(row.get("error_type") or "error"), str(row.get("error_message") or ""), last)
