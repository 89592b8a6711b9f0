"""Functions that cannot be invoked at the moment: idle for weeks, just changed, or throttled.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html and the errors of Invoke in
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html; CodeArtifactUserPendingException, which Step
Functions gets for a function of an image that wakes up, is in no reference but in many bug reports.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from cosmic_fmi.localcloud.faults.switches import Switches


class Refusal(NamedTuple):
    """What Lambda says when it does not run a function: HTTP status, error code, message and reason."""

    status: int
    code: str
    message: str
    reason: str | None = None


class State(NamedTuple):
    """A function's state, as GetFunctionConfiguration has it."""

    state: str
    reason: str = ""
    code: str = ""
    is_updating: bool = False


_ACTIVE = State("Active")
_THROTTLED = Refusal(429, "TooManyRequestsException", "Rate Exceeded.", "CallerRateLimitExceeded")
_WAKING = Refusal(
    409,
    "CodeArtifactUserPendingException",
    "Lambda is initializing your function. It will be ready to invoke shortly.",
)


class FunctionStates:
    """The states of all functions, as the switches `inactive` and `pending` have them."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()
        self._changed: dict[str, tuple[float, bool]] = {}
        self._idle_generation = 0
        self._idle_since = 0.0
        self._woken: dict[str, float] = {}

    def note_change(self, arn: str, *, made: bool) -> None:
        """A function was made, or its code or configuration updated."""
        with self._lock:
            self._changed[arn] = (time.monotonic(), made)

    def state(self, arn: str) -> State:
        """A function's state at this moment."""
        with self._lock:
            return self._state(arn)

    def refusal(self, arn: str) -> Refusal | None:
        """Why a function is not run at this moment; None if it is. A call wakes an idle function up."""
        with self._lock:
            state = self._state(arn)
            if state.code == "Idle":
                self._woken[arn] = time.monotonic()
        if state.code in ("Idle", "Restoring"):
            return _WAKING
        if state.state == "Pending":
            message = (
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending"
            )
            return Refusal(409, "ResourceConflictException", message)
        return _THROTTLED if self._switches.strikes("lambda-throttle") else None

    def _state(self, arn: str) -> State:
        now = time.monotonic()
        changed, made = self._changed.get(arn, (-float("inf"), False))
        waking_s = self._waking_seconds()
        if waking_s is not None and changed < self._idle_since:
            if arn not in self._woken:
                return State("Inactive", "The function is idle.", "Idle")
            if now < self._woken[arn] + waking_s:
                return State("Pending", "The function is being restored.", "Restoring")
        if now < changed + (self._switches.value("pending") or 0.0):
            return State("Pending", "The function is being created.", "Creating", is_updating=not made)
        return _ACTIVE

    def _waking_seconds(self) -> float | None:
        """How long waking takes, if functions are idle; each time that this is switched on they are anew."""
        seconds, generation = self._switches.value("inactive"), self._switches.generation("inactive")
        if seconds is not None and generation != self._idle_generation:
            self._idle_generation, self._idle_since = generation, time.monotonic()
            self._woken.clear()
        return seconds
