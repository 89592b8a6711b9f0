"""Requests: what calls return that do not wait, and collective calls that can be started."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fmi._tasks import combine, poll
from fmi.collectives.context import Context
from fmi.collectives.plans import Plan
from fmi.comm import _messages
from fmi.comm._session import Session
from fmi.errors import FMIError, Timeout
from fmi.protocol.transfer import Transfer

Result = TypeVar("Result")


class Request(Generic[Result]):
    """A message or a collective call under way. It moves on while the caller computes.

    Until it is done the buffer that was given must not be changed (sending) or looked at (receiving). An
    error in the background closes the communicator, as in any operation, and comes out of `wait` and `test`.

    As in MPI, a request is active until the caller was told that it is over: by `wait`, by `test`, or by
    `waitany`, which tells of each request once. One that is inactive is over whenever it is asked.
    """

    def __init__(self, session: Session, transfer: Transfer, finish: Callable[[], Result]) -> None:
        self._session = session
        self._transfer = transfer
        self._finish: Callable[[], Result] | None = finish
        self._result: Result | None = None

    def __repr__(self) -> str:
        state = "done" if self.done else "under way"
        return f"<fmi.Request {self._transfer}, {state}>"

    @property
    def done(self) -> bool:
        """Whether it is over, without doing anything for it; it stays active."""
        return self._transfer.done

    def test(self) -> bool:
        """Move on what can move on now; whether it is over. Raises what `wait` does."""
        if not self.done:
            _messages.advance(self._session)
        if self.done:
            self._hand_out()
        return self.done

    def wait(self, timeout: float | None = None) -> Result:
        """Wait until it is over; what was received, or None where a buffer was given or for sending.

        Args:
            timeout: seconds; after that `Timeout` is raised, and the request goes on.

        Raises:
            Timeout: it took longer than the timeout; or, without one, nothing came for as long as the
                configuration allows, and the communicator is closed.
            PeerFailure, MismatchError, CommunicatorClosed: as in any operation.
        """
        if not self.done:
            _messages.complete(self._session, self._transfer, timeout)
        return self._hand_out()

    def _hand_out(self) -> Result:
        """What came; the request is inactive from now on, and its buffer the caller's."""
        if self._finish:
            self._result, self._finish = self._finish(), None
        return self._result  # type: ignore[return-value]

    Test = test
    Wait = wait


@dataclass(slots=True)
class Collective:
    """A collective call on one rank, with the caller's arrays.

    Attributes:
        session: of the communicator.
        context: which call it is.
        plan: its schedule and arrays.
        settle: copies the result into a buffer that could not be filled directly.
    """

    session: Session
    context: Context
    plan: Plan
    settle: Callable[[], None]

    def run(self) -> None:
        """Make the call and wait for its end."""
        operation = self.context.call.operation
        self.session.run(operation, self.plan.peers, lambda: self.plan.run(self.context))
        self.settle()

    def start(self) -> Request[None]:
        """Start the call."""
        call = self.context.call
        name = f"i{call.operation.name.lower()}"
        running = _messages.begin(self.session, name, lambda: self.session.running.start(call, self.plan))
        return Request(self.session, running, self.settle)


class PersistentRequest(Request[None]):
    """A collective call that is made again and again with the same arrays.

    It is not under way until it is started, by all ranks in the same order as other calls that are not waited
    for. When it is over it can be started again. What the arrays hold at each start is what counts.

    Args:
        make: checks the arguments and plans the call.
    """

    def __init__(self, make: Callable[[], Collective]) -> None:
        call = make()
        transfer = Transfer(call.session.rank, call.context.call, done=True)
        super().__init__(call.session, transfer, lambda: None)
        self._finish = None
        self._make = make

    def start(self) -> None:
        """Start the call.

        Raises:
            FMIError: it was started before and is not over yet; nothing changes.
            PeerFailure, MismatchError, CommunicatorClosed: as in any operation.
        """
        if self._finish is not None:
            raise FMIError(f"{self!r} cannot be started again before wait or test has said that it is over")
        begun = self._make().start()
        self._transfer, self._finish = begun._transfer, begun._finish

    Start = start


def waitall(requests: Iterable[Request[Any]], timeout: float | None = None) -> list[Any]:
    """Wait for all requests; their results, in order. Those that are over already count as they are.

    Args:
        requests: of one communicator or several.
        timeout: seconds for all of them together; after that `Timeout` is raised, and they go on.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    results = []
    for request in requests:
        left = None if timeout is None else max(0.0, until - time.monotonic())
        results.append(request.wait(left))
    return results


def waitany(requests: Sequence[Request[Any]], timeout: float | None = None) -> int | None:
    """Wait for one of the active requests. Call `wait` on it for the result.

    Args:
        requests: at least one, of one communicator or several. Each is handed out once, so the same list may
            be passed again and again.
        timeout: seconds; after that, or after the time that the configuration allows for waiting for a rank,
            `Timeout` is raised, and they go on.

    Returns:
        Its index, or None when no request is active (MPI_UNDEFINED): all were handed out before.

    Raises:
        ValueError: there are no requests.
        Timeout, PeerFailure, MismatchError, CommunicatorClosed: as in `Request.wait`.
    """
    if not requests:
        raise ValueError("waitany needs at least one request")
    index = _over(requests)
    if index is None:
        index = _await_one([request for request in requests if request._finish], requests, timeout)
    if index is not None:
        requests[index]._hand_out()
    return index


def _await_one(
    active: Sequence[Request[Any]], requests: Sequence[Request[Any]], timeout: float | None
) -> int | None:
    """Move on the communicators of the active requests until one is over; None where none is active."""
    if not active:
        return None
    sessions = list(dict.fromkeys(request._session for request in active))
    limit = max(session.config.peer_s for session in sessions) if timeout is None else timeout
    until = time.monotonic() + limit
    while True:
        for session in sessions:
            _messages.advance(session)
        index = _over(requests)
        if index is not None:
            return index
        if time.monotonic() >= until:
            raise Timeout(f"none of {len(active)} requests was over within {limit:g} s")
        poll(combine((_messages.waiting(session) for session in sessions), until))


def _over(requests: Sequence[Request[Any]]) -> int | None:
    """The first request that is over and was not handed out."""
    return next((index for index, each in enumerate(requests) if each._finish and each._transfer.done), None)
