"""How invocations end, in Lambda's words."""

from __future__ import annotations

import json
import signal


def failed(kind: str, message: str) -> bytes:
    """The payload of an invocation that ended with an error, as Lambda writes it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def error_type_of(payload: bytes) -> str | None:
    """The kind of error that a payload describes, or None."""
    try:
        kind = json.loads(payload)["errorType"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(kind)


def exit_reason(status: int, killed_for: str | None) -> str:
    """Lambda's words for the end of a process, by its exit status or what it was killed for."""
    if killed_for is not None:
        return f"Runtime exited with error: {killed_for}"
    if status < 0:
        return f"Runtime exited with error: signal: {signal.strsignal(-status) or -status}".lower().replace(
            "runtime", "Runtime", 1
        )
    return (
        f"Runtime exited with error: exit status {status}"
        if status
        else "Runtime exited without providing a reason"
    )


def milliseconds(started: float | None, ended: float | None) -> float:
    """Between two readings of the clock; 0 without both."""
    return 0.0 if started is None or ended is None else max(0.0, ended - started) * 1000
