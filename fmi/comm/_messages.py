"""Messages between two ranks: their numbers, and those under way as requests."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

from fmi._tasks import Wait
from fmi.collectives.running import RunningCall
from fmi.comm._progress import Progress
from fmi.comm._reasons import as_abort
from fmi.comm._session import Session, next_message
from fmi.errors import Timeout
from fmi.protocol.frames import Call, Operation
from fmi.protocol.transfer import ReceiveTransfer, Transfer

Begun = TypeVar("Begun", bound=Transfer)


def message_to(session: Session, peer: int, dtype: int, elements: int = 0) -> Call:
    """The next message to a peer; both sides count alike."""
    return Call(Operation.SEND, next_message(session.sent_to, peer), dtype, elements)


def message_from(session: Session, peer: int, dtype: int, elements: int = 0) -> Call:
    """The next message from a peer."""
    return Call(Operation.SEND, next_message(session.received_from, peer), dtype, elements)


def start(
    session: Session, peer: int, dtype: int, elements: int, payload: memoryview, *, form: int = 0
) -> Transfer:
    """Start sending as a request."""

    def action() -> Transfer:
        call = message_to(session, peer, dtype, elements)
        if peer == session.rank:
            return session.loopback.start(call, payload, form)
        return session.channel.start(peer, call, payload, form)

    return begin(session, "isend", action)


def expect(
    session: Session, peer: int, dtype: int, elements: int, into: memoryview | None
) -> ReceiveTransfer:
    """Start receiving as a request."""

    def action() -> ReceiveTransfer:
        call = message_from(session, peer, dtype, elements)
        if peer == session.rank:
            return session.loopback.expect(call, into)
        return session.channel.expect(peer, call, into)

    return begin(session, "irecv", action)


def begin(session: Session, name: str, action: Callable[[], Begun]) -> Begun:
    """Begin something that goes on while the caller computes."""
    started = time.perf_counter()
    session.enter(name)
    try:
        transfer = action()
        if session.channel.outstanding:
            _have_progress(session)
    except BaseException as error:
        session.end(error, as_abort(error, session.rank, name))
        raise
    finally:
        session.leave()
    session.count(name, 0, time.perf_counter() - started)
    return transfer


def _have_progress(session: Session) -> None:
    if session.progress is None:
        session.progress = Progress(session.channel, session.running, session.lock, _failer(session))
    else:
        session.progress.wake()


def advance(session: Session) -> None:
    """Move the requests of a communicator on, without waiting."""
    _attend(session, "test", session.channel.advance)


def complete(session: Session, transfer: Transfer, timeout: float | None) -> None:
    """Wait for one request, see `Request.wait`."""
    if transfer.peer == session.rank and not isinstance(transfer, RunningCall):
        session.loopback.complete(transfer)
        return
    until = math.inf if timeout is None else time.monotonic() + timeout
    if isinstance(transfer, RunningCall):
        _attend(session, "wait", lambda: _complete_call(session, transfer, until))
    else:
        _attend(session, "wait", lambda: session.channel.complete(transfer, until))
    if not transfer.done:
        raise Timeout(f"{transfer} was not over within {timeout:g} s", _awaited_ranks(transfer))


def _awaited_ranks(transfer: Transfer) -> list[int]:
    waits = transfer.waits if isinstance(transfer, RunningCall) else [transfer]
    return sorted({each.peer for each in waits if not each.done})


def _complete_call(session: Session, running: RunningCall, until: float) -> None:
    """Wait for one message after the other, each as long as the configuration allows.

    A message of another call may be there long before the awaited one, so unlike elsewhere it is no mistake.
    """
    session.running.go_on()
    while not running.done:
        awaited = next(each for each in running.waits if not each.done)
        limit = session.config.peer_s
        latest = time.monotonic() + limit
        session.channel.complete(awaited, min(until, latest))
        session.running.go_on()
        if time.monotonic() >= until:
            return
        if not awaited.done and time.monotonic() >= latest:
            peer = awaited.peer
            raise Timeout(
                f"rank {session.rank} in {running}: rank {peer} did nothing for {limit:g} s", [peer]
            )


def waiting(session: Session) -> Wait:
    """What to wait for before `advance` is worth calling."""
    with session.lock:
        return session.channel.waiting()


def _attend(session: Session, name: str, action: Callable[[], None]) -> None:
    session.enter(name)
    try:
        action()
        session.go_on()
        session.channel.rest()
    except BaseException as error:
        session.end(error, as_abort(error, session.rank, name))
        raise
    finally:
        session.leave()


def _failer(session: Session) -> Callable[[BaseException], None]:
    """What the thread calls about an error; it does not keep an unused communicator alive."""
    reference = weakref.ref(session)

    def fail(error: BaseException) -> None:
        session = reference()
        if session:
            session.end(error, as_abort(error, session.rank, "a request"))

    return fail
