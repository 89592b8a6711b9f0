"""Requests: what Isend, Irecv, isend and irecv return."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fmi._tasks import combine, poll
from fmi.errors import Timeout
from fmi.protocol.transfer import Transfer

if TYPE_CHECKING:
    from fmi.comm._messages import Messages

Result = TypeVar("Result")


class Request(Generic[Result]):
    """A message under way. It moves on while the caller computes.

    Until it is done the buffer that was given must not be changed (sending) or looked at (receiving). An
    error in the background closes the communicator, as in any operation, and comes out of `wait` and `test`.
    """

    def __init__(self, session: Messages, transfer: Transfer, finish: Callable[[], Result]) -> None:
        self._session = session
        self._transfer = transfer
        self._finish: Callable[[], Result] | None = finish
        self._result: Result | None = None

    def __repr__(self) -> str:
        state = "done" if self.done else "under way"
        return f"<fmi.Request {self._transfer.call} with rank {self._transfer.peer}, {state}>"

    @property
    def done(self) -> bool:
        """Whether it is over, without doing anything for it."""
        return self._transfer.done

    def test(self) -> bool:
        """Move on what can move on now; whether it is over. Raises what `wait` does."""
        if not self.done:
            self._session.advance_requests()
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
            self._session.complete_request(self._transfer, timeout)
        if self._finish:
            self._result, self._finish = self._finish(), None
        return self._result  # type: ignore[return-value]

    Test = test
    Wait = wait


def waitall(requests: Iterable[Request[Any]], timeout: float | None = None) -> list[Any]:
    """Wait for all requests; their results, in order.

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


def waitany(requests: Sequence[Request[Any]], timeout: float | None = None) -> int:
    """Wait for one of the requests; its index. Call `wait` on it for the result.

    Args:
        requests: at least one, of one communicator or several.
        timeout: seconds; after that, or after the time that the configuration allows for waiting for a rank,
            `Timeout` is raised, and they go on.

    Raises:
        ValueError: there are no requests.
    """
    if not requests:
        raise ValueError("waitany needs at least one request")
    limit = max(request._session.patience_s for request in requests) if timeout is None else timeout
    until = time.monotonic() + limit
    while True:
        for index, request in enumerate(requests):
            if request.test():
                return index
        if time.monotonic() >= until:
            raise Timeout(f"none of {len(requests)} requests was over within {limit:g} s")
        poll(combine((request._session.waiting() for request in requests), until))
