"""The life of a communicator: one call after the other, and what happens when one fails."""

from __future__ import annotations

import copy
import operator
import os
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from fmi._datatypes import NO_DTYPE
from fmi._ops import func
from fmi.channels.base import Channel, World
from fmi.channels.registry import open_channel
from fmi.collectives.context import Context
from fmi.comm import _environment as lifecycle
from fmi.comm._progress import Progress
from fmi.config import Config, require_secret
from fmi.errors import CommunicatorClosed, FMIError, MismatchError, PeerFailure, Timeout
from fmi.protocol.frames import NO_ROOT, SEQUENCE_MASK, Abort, Call, Operation

Result = TypeVar("Result")
ABORT_PATIENCE_S = 0.05
# Looked up by number in every call, which is faster than through the member.
_NAMES = [operation.name.lower() for operation in Operation]


class Session:
    """One rank's part in a world; `Communicator` adds the operations.

    Attributes:
        rank, world_size: who this is, and of how many.
        name: the communicator's name.
        process: id of the process it belongs to.
    """

    _closed = True  # until the constructor has made something to close

    def __init__(self, rank: int, world_size: int, config: Config, name: str) -> None:
        self.world_size = whole(world_size, "num_peers")
        self.rank = whole(rank, "peer_id")
        if self.world_size < 1:
            raise ValueError(f"num_peers is at least 1, not {world_size}")
        self._check_rank(self.rank, "peer_id")
        self.name = name
        if self.world_size > 1:
            require_secret(config)
        self._channel: Channel = open_channel(World(self.rank, self.world_size, name, config))
        self._calls = [0]
        self._busy = threading.Lock()
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._config = config
        self._failure: BaseException | None = None
        self._operations: dict[str, dict[str, float]] = {}
        self.process = os.getpid()
        self._closed = False
        lifecycle.register(self)

    def __repr__(self) -> str:
        return f"<fmi.Communicator {self.name!r} rank {self.rank} of {self.world_size}>"

    def stats(self) -> dict[str, Any]:
        """What was done so far.

        Returns:
            {"setup_seconds": time spent connecting, waiting for late peers included, "bytes_sent",
            "bytes_received": headers included, "operations": {name: {"calls", "bytes" (sent and received),
            "seconds"}}}
        """
        return {
            "setup_seconds": self._channel.setup_seconds,
            "bytes_sent": self._channel.bytes_sent,
            "bytes_received": self._channel.bytes_received,
            "operations": copy.deepcopy(self._operations),
        }

    def abort(self, reason: str) -> None:
        """Give up: every rank that waits for this one, or will, gets PeerFailure with the reason. Closes."""
        if self._closed or self.process != os.getpid():
            return
        # An operation that waits in another thread holds the lock; the others should not wait for it to end.
        held = self._lock.acquire(timeout=ABORT_PATIENCE_S)
        self._end(CommunicatorClosed(f"the communicator was aborted: {reason}"), Abort(self.rank, reason))
        if held:
            self._lock.release()
        self._stop_progress()

    def close(self) -> None:
        """Let what was sent arrive, say goodbye and close the connections. Does nothing the second time."""
        if self.process != os.getpid():
            return
        if not self._closed:
            self._closed = True
            self._stop_progress()
            self._channel.close()
        self._stop_progress()

    def disown(self) -> None:
        """Have nothing to do with the world any more, as this is a process forked from the one that has."""
        self._closed = True
        self._failure = CommunicatorClosed(
            f"the communicator belongs to process {self.process}, from which this process was forked: "
            "communicate there, or make a communicator of its own here"
        )
        self._progress = None
        # The locks may be held by threads that were not forked; who finds this one held is told the failure.
        self._busy = threading.Lock()
        self._busy.acquire()

    def _stop_progress(self) -> None:
        progress, self._progress = self._progress, None
        if progress:
            progress.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = _reason(error)
        if reason is not None:
            self.abort(reason)
        self.close()

    def __del__(self) -> None:
        if not self._closed and self.process == os.getpid():
            self.close()

    # One collective call

    def _context(
        self,
        operation: Operation,
        dtype: int = NO_DTYPE,
        elements: int = 0,
        *,
        root: int = NO_ROOT,
        function: func | None = None,
        form: int = 0,
    ) -> Context:
        code = function.code if function else 0
        call = Call(operation, self._calls[0], dtype, elements, root, code)
        return Context(self._channel, call, self.rank, self.world_size, form)

    # Every call

    def _run(
        self,
        operation: Operation,
        peers: Iterable[int],
        action: Callable[[], Result],
        name: str | None = None,
    ) -> Result:
        name = name or _NAMES[operation]
        self._enter(name)
        channel = self._channel
        started = time.perf_counter()
        moved = channel.bytes_sent + channel.bytes_received
        try:
            channel.connect(peers)
            result = action()
            channel.flush()
            channel.rest()
        except BaseException as error:
            self._end(error, as_abort(error, self.rank, name))
            raise
        finally:
            self._leave()
        if operation is not Operation.SEND:
            next_number(self._calls)
        moved = channel.bytes_sent + channel.bytes_received - moved
        self._count(name, moved, time.perf_counter() - started)
        return result

    def _enter(self, name: str) -> None:
        if not self._busy.acquire(blocking=False):
            if self._closed:
                self._refuse(name)
            raise FMIError(f"{name} was called while another operation of this communicator is under way")
        try:
            self._lock.acquire()
        except BaseException:
            self._busy.release()
            raise
        if self._closed:
            self._leave()
            self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        """Raise what closed the communicator."""
        if isinstance(self._failure, FMIError):
            raise copy.copy(self._failure)
        why = f" after {_describe(self._failure)}" if self._failure else ""
        raise CommunicatorClosed(f"the communicator was closed{why}, so {name} is not possible")

    def _leave(self) -> None:
        self._lock.release()
        self._busy.release()

    def _end(self, error: BaseException, abort: Abort) -> None:
        if self.process != os.getpid():  # forked in the middle of a call
            return
        self._closed = True
        self._failure = error
        if self._progress:
            self._progress.dismiss()
        self._channel.abort(abort)

    def _count(self, name: str, moved: int, seconds: float) -> None:
        totals = self._operations.get(name)
        if totals is None:
            totals = self._operations[name] = {"calls": 0, "bytes": 0, "seconds": 0.0}
        totals["calls"] += 1
        totals["bytes"] += moved
        totals["seconds"] += seconds

    def _check_rank(self, rank: int, name: str) -> None:
        if not 0 <= whole(rank, name) < self.world_size:
            raise ValueError(f"{name} is a rank from 0 to {self.world_size - 1}, not {rank}")

    def _check_peer(self, rank: int, name: str) -> None:
        self._check_rank(rank, name)
        if rank == self.rank:
            raise ValueError(f"{name} is this rank itself ({rank}); a rank does not send to itself")


def next_number(numbers: list[int], place: int = 0) -> int:
    """The number of the next call or message; the one after it gets the next one."""
    number = numbers[place]
    numbers[place] = (number + 1) & SEQUENCE_MASK
    return number


def whole(value: object, name: str) -> int:
    """An integer argument, or a TypeError that names it."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None


def _describe(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}"


def _reason(error: BaseException | None) -> str | None:
    """Why the others should give up because of what left the block; None where it is a goodbye."""
    if error is None or isinstance(error, GeneratorExit):
        return None
    if not isinstance(error, SystemExit):
        return _describe(error)
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
    return Abort(rank, f"{_describe(error)} in {operation}")
