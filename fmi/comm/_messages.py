"""Messages between two ranks: their numbers, requests, and messages of a rank to itself."""

from __future__ import annotations

import math
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from fmi._tasks import Wait
from fmi.comm._persistent import PersistentCalls
from fmi.comm._progress import Progress
from fmi.comm._session import Session, as_abort, next_number
from fmi.config import Config
from fmi.errors import FMIError, MismatchError, Timeout
from fmi.protocol.frames import Call, Frame, Header, Kind, Operation
from fmi.protocol.transfer import ReceiveTransfer, Transfer

Begun = TypeVar("Begun", bound=Transfer)


class Messages(PersistentCalls):
    """The parts of the operations between two ranks."""

    def __init__(self, rank: int, world_size: int, config: Config, name: str) -> None:
        super().__init__(rank, world_size, config, name)
        self._sent_to = [0] * self.world_size
        self._received_from = [0] * self.world_size
        self._loopback = Loopback(self.rank)

    def _message_to(self, peer: int, dtype: int, elements: int = 0) -> Call:
        """The next message to a peer; both sides count alike."""
        return Call(Operation.SEND, next_number(self._sent_to, peer), dtype, elements)

    def _message_from(self, peer: int, dtype: int, elements: int = 0) -> Call:
        """The next message from a peer."""
        return Call(Operation.SEND, next_number(self._received_from, peer), dtype, elements)

    def _start(self, peer: int, dtype: int, elements: int, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending as a request."""

        def action() -> Transfer:
            call = self._message_to(peer, dtype, elements)
            if peer == self.rank:
                return self._loopback.start(call, payload, form)
            return self._channel.start(peer, call, payload, form)

        return self._begin("isend", action)

    def _expect(self, peer: int, dtype: int, elements: int, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving as a request."""

        def action() -> ReceiveTransfer:
            call = self._message_from(peer, dtype, elements)
            if peer == self.rank:
                return self._loopback.expect(call, into)
            return self._channel.expect(peer, call, into)

        return self._begin("irecv", action)

    def _begin(self, name: str, action: Callable[[], Begun]) -> Begun:
        started = time.perf_counter()
        self._enter(name)
        try:
            transfer = action()
            if self._channel.outstanding:
                self._have_progress()
        except BaseException as error:
            self._end(error, as_abort(error, self.rank, name))
            raise
        finally:
            self._leave()
        self._count(name, 0, time.perf_counter() - started)
        return transfer

    def _have_progress(self) -> None:
        if self._progress is None:
            self._progress = Progress(self._channel, self._lock, _failer(self))
        else:
            self._progress.wake()

    def advance_requests(self) -> None:
        """Move the requests of this communicator on, without waiting."""
        self._attend("test", self._channel.advance)

    def complete_request(self, transfer: Transfer, timeout: float | None) -> None:
        """Wait for one request, see `Request.wait`."""
        if transfer.peer == self.rank:
            self._loopback.complete(transfer)
            return
        until = math.inf if timeout is None else time.monotonic() + timeout
        self._attend("wait", lambda: self._channel.complete(transfer, until))
        if not transfer.done:
            raise Timeout(f"{transfer.call} was not over within {timeout:g} s", [transfer.peer])

    def waiting(self) -> Wait:
        """What to wait for before `advance_requests` is worth calling."""
        with self._lock:
            return self._channel.waiting()

    @property
    def patience_s(self) -> float:
        """The limit for waiting for a rank, in seconds."""
        return self._config.peer_s

    def _attend(self, name: str, action: Callable[[], None]) -> None:
        self._enter(name)
        try:
            action()
            self._channel.rest()
        except BaseException as error:
            self._end(error, as_abort(error, self.rank, name))
            raise
        finally:
            self._leave()


def _failer(session: Session) -> Callable[[BaseException], None]:
    """What the thread calls about an error; it does not keep an unused communicator alive."""
    reference = weakref.ref(session)

    def fail(error: BaseException) -> None:
        session = reference()
        if session:
            session._end(error, as_abort(error, session.rank, "a request"))

    return fail


class Loopback:
    """Messages of a rank to itself, each side in order; requests and Sendrecv may have them."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._sent: deque[Frame] = deque()
        self._expected: deque[ReceiveTransfer] = deque()

    def start(self, call: Call, payload: memoryview, form: int) -> Transfer:
        """Send; the payload is copied, so this is done at once."""
        copy = memoryview(bytearray(payload))
        self._sent.append(Frame(Header(Kind.DATA, call, form, len(copy)), copy))
        self._match()
        return Transfer(self._rank, call, done=True)

    def expect(self, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving the next message."""
        expected = ReceiveTransfer(self._rank, call, into)
        self._expected.append(expected)
        self._match()
        return expected

    def complete(self, expected: Transfer) -> None:
        """Raise FMIError unless it is done: while this rank waits it cannot send."""
        if not expected.done:
            raise FMIError(f"rank {self._rank} waits for {expected.call} from itself, which it has not sent")

    def _match(self) -> None:
        while self._sent and self._expected:
            frame, expected = self._sent.popleft(), self._expected.popleft()
            size = frame.header.length
            if frame.header.call != expected.call or len(expected.into or frame.payload) != size:
                raise MismatchError(
                    f"rank {self._rank} expects {expected.call} from itself, but sent {frame.header.call}"
                )
            if expected.into is not None:
                expected.into[:] = frame.payload
            expected.frame = frame
            expected.done = True
