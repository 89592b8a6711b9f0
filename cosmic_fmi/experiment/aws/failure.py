"""Why an execution failed: one sentence for the terminal, and the failing rank's traceback below it."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """``sentence`` names the error and what it concerns; ``detail`` is a traceback or empty."""

    sentence: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.detail}" if self.detail else self.sentence


def parse_failure(status: str, error: str | None, cause: str | None) -> Failure:
    """Read a Step Functions error and cause.

    The cause of a failed Lambda function is JSON with ``errorType`` and ``errorMessage``; the message of a
    failed rank continues with that rank's traceback after its first line. Anything else is shown as it is.
    """
    if status == "TIMED_OUT":
        return Failure("the execution ran past the state machine's time limit")
    if status == "ABORTED":
        return Failure("the execution was stopped" + (f": {cause}" if cause else ""))
    kind, message = _unwrap(error, cause)
    first, _, rest = message.strip().partition("\n")
    if not first:
        return Failure(kind or f"the execution ended as {status} without saying why")
    return Failure(first if not kind or kind in first else f"{kind}: {first}", rest.strip("\n"))


def _unwrap(error: str | None, cause: str | None) -> tuple[str, str]:
    """Error name and message, out of as many layers of JSON as the cause is wrapped in."""
    kind, message = error or "", cause or ""
    for _ in range(3):
        try:
            inner = json.loads(message)
        except ValueError:
            break
        if not isinstance(inner, dict):
            break
        if "errorMessage" in inner:
            kind, message = str(inner.get("errorType") or kind), str(inner["errorMessage"])
        elif "Cause" in inner:
            kind, message = str(inner.get("Error") or kind), str(inner["Cause"])
        else:
            break
    return kind, message
