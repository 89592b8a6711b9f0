"""Why a communicator ends, in the words in which the other ranks are told."""

from __future__ import annotations

from fmi.errors import MismatchError, PeerFailure, Timeout
from fmi.protocol.frames import Abort


def describe(error: BaseException | None) -> str:
    """An error's type and message."""
    return f"{type(error).__name__}: {error}"


def reason_to_abort(error: BaseException | None) -> str | None:
    """Why the others should give up because of what left a with block; None where it is a goodbye."""
    if error is None or isinstance(error, GeneratorExit):
        return None
    if not isinstance(error, SystemExit):
        return describe(error)
    if error.code is None or error.code == 0:
        return None
    if isinstance(error.code, int):
        return f"the script exited with status {int(error.code)}"
    return f"the script exited with status 1: {error.code}"


def as_abort(error: BaseException, rank: int, operation: str) -> Abort:
    """What the other ranks are told about an error of this one: who failed first, and why."""
    if isinstance(error, PeerFailure):
        return Abort(error.rank, error.reason)
    if isinstance(error, MismatchError):
        return Abort(rank, str(error), mismatch=True)
    if isinstance(error, Timeout) and error.missing:
        return Abort(error.missing[0], str(error))
    return Abort(rank, f"{describe(error)} in {operation}")
