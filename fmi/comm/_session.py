"""The life of a communicator: one call after the other, and what happens when one fails."""

from __future__ import annotations

import copy
import operator
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, TypeVar

from fmi._datatypes import NO_DTYPE
from fmi.channels.base import Channel, World
from fmi.channels.loopback import Loopback
from fmi.channels.registry import open_channel
from fmi.collectives.context import Context
from fmi.collectives.running import RunningCalls
from fmi.comm import _live
from fmi.comm._persistent import PersistentCalls
from fmi.comm._reasons import as_abort, describe, reason_to_abort
from fmi.config import Config, require_secret
from fmi.errors import CommunicatorClosed, FMIError
from fmi.protocol.frames import NO_ROOT, PART, SEQUENCE_MASK, Abort, Call, Operation

if TYPE_CHECKING:
    from fmi._datatypes import Array
    from fmi._ops import func
    from fmi.channels.direct.persistent import PersistentCall
    from fmi.comm._progress import Progress

Result = TypeVar("Result")
ABORT_PATIENCE_S = 0.05
# Looked up by number in every call, which is faster than through the member.
_NAMES = [operation.name.lower() for operation in Operation]


class Session:
    """One rank's part in a world, which the operations take as their first argument.

    Attributes:
        rank, world_size: who this is, and of how many.
        name: the communicator's name.
        config: the settings it was made with.
        process: id of the process it belongs to.
        channel: what carries its messages.
        calls: the number of its next collective call.
        sent_to, received_from: the number of the next message to and from each rank.
        splits: how often it was split.
        loopback: messages of this rank to itself.
        running: collective calls that nobody waits for.
        persistent: the calls that it remembers.
        lock: held while something is done with the channel.
        progress: what moves requests on; None before the first request.
    """

    closed = True  # until the constructor has made something to close

    def __init__(self, rank: int, world_size: int, config: Config, name: str) -> None:
        self.world_size = whole(world_size, "num_peers")
        self.rank = whole(rank, "peer_id")
        if self.world_size < 1:
            raise ValueError(f"num_peers is at least 1, not {world_size}")
        self.check_rank(self.rank, "peer_id")
        self.name = name
        if self.world_size > 1:
            require_secret(config)
        self.config = config
        self.channel: Channel = open_channel(World(self.rank, self.world_size, name, config))
        self.calls = [0]
        self.sent_to = [0] * self.world_size
        self.received_from = [0] * self.world_size
        self.splits = 0
        self.loopback = Loopback(self.rank)
        self.running = RunningCalls(self.channel, self.rank, self.world_size)
        self.persistent = PersistentCalls(self.channel)
        self.lock = threading.RLock()
        self.progress: Progress | None = None
        self._busy = threading.Lock()
        self._failure: BaseException | None = None
        self._operations: dict[str, dict[str, float]] = {}
        self.process = os.getpid()
        self.closed = False
        _live.register(self)

    def stats(self) -> dict[str, Any]:
        """See `Communicator.stats`."""
        return {
            "setup_seconds": self.channel.setup_seconds,
            "bytes_sent": self.channel.bytes_sent,
            "bytes_received": self.channel.bytes_received,
            "operations": copy.deepcopy(self._operations),
        }

    def abort(self, reason: str) -> None:
        """See `Communicator.abort`."""
        if self.closed or self.process != os.getpid():
            return
        # An operation that waits in another thread holds the lock; the others should not wait for it to end.
        held = self.lock.acquire(timeout=ABORT_PATIENCE_S)
        self.end(CommunicatorClosed(f"the communicator was aborted: {reason}"), Abort(self.rank, reason))
        if held:
            self.lock.release()
        self._stop_progress()

    def close(self) -> None:
        """See `Communicator.close`."""
        if self.process != os.getpid():
            return
        if not self.closed:
            self.closed = True
            self._stop_progress()
            self.channel.close()
        self._stop_progress()

    def close_after(self, error: BaseException | None) -> None:
        """Close at the end of a with block; abort if an error left it."""
        reason = reason_to_abort(error)
        if reason is not None:
            self.abort(reason)
        self.close()

    def disown(self) -> None:
        """Have nothing to do with the world any more, as this is a process forked from the one that has."""
        self.closed = True
        self._failure = CommunicatorClosed(
            f"the communicator belongs to process {self.process}, from which this process was forked: "
            "communicate there, or make a communicator of its own here"
        )
        self.progress = None
        # The locks may be held by threads that were not forked; who finds this one held is told the failure.
        self._busy = threading.Lock()
        self._busy.acquire()

    def _stop_progress(self) -> None:
        progress, self.progress = self.progress, None
        if progress:
            progress.stop()

    def __del__(self) -> None:
        if not self.closed and self.process == os.getpid():
            self.close()

    # One collective call

    def context(
        self,
        operation: Operation,
        dtype: int = NO_DTYPE,
        elements: int = 0,
        *,
        root: int = NO_ROOT,
        function: func | None = None,
        form: int = 0,
    ) -> Context:
        """What an algorithm works with in the next collective call."""
        code = function.code if function else 0
        call = Call(operation, self.calls[0], dtype, elements, root, code)
        return Context(self.channel, call, self.rank, self.world_size, form)

    # Every call

    def run(
        self,
        operation: Operation,
        peers: Iterable[int],
        action: Callable[[], Result],
        name: str | None = None,
    ) -> Result:
        """Make a call: connect, act, and count; an error closes the communicator, and the others are told.

        Args:
            operation: what it is; messages between two ranks are SEND.
            peers: the ranks that this one talks to.
            action: sends and receives.
            name: the call's name, if it is not the operation's.
        """
        name = name or _NAMES[operation]
        self.enter(name)
        channel = self.channel
        started = time.perf_counter()
        moved = channel.bytes_sent + channel.bytes_received
        try:
            channel.connect(peers)
            result = action()
            channel.flush()
            self.go_on()
            channel.rest()
        except BaseException as error:
            self.end(error, as_abort(error, self.rank, name))
            raise
        finally:
            self.leave()
        if operation is not Operation.SEND:
            next_number(self.calls)
        moved = channel.bytes_sent + channel.bytes_received - moved
        self.count(name, moved, time.perf_counter() - started)
        return result

    def go_on(self) -> None:
        """Let collective calls that nobody waits for go on; the lock is held."""
        if self.running:
            self.running.go_on()
            if self.progress and self.channel.outstanding:
                self.progress.wake()

    def replay(
        self,
        known: PersistentCall,
        numbers: list[int],
        place: int,
        operand: Array | None = None,
        result: Array | None = None,
    ) -> None:
        """Make a call of a remembered kind; as `run`.

        Args:
            known: the remembered call.
            numbers, place: where the number of the next call is.
            operand: the array to send, if there is one.
            result: the array to fill, if there is one.
        """
        self.enter(known.name)
        started = time.monotonic()
        try:
            known.run(next_number(numbers, place), operand, result)
            self.go_on()
        except BaseException as error:
            self.end(error, as_abort(error, self.rank, known.name))
            raise
        finally:
            self.leave()
        self.count(known.name, known.moved, time.monotonic() - started)

    def enter(self, name: str) -> None:
        """Begin a call: no other one is under way until `leave`.

        Raises:
            FMIError: another one is under way, or what closed the communicator.
        """
        if not self._busy.acquire(blocking=False):
            if self.closed:
                self._refuse(name)
            raise FMIError(f"{name} was called while another operation of this communicator is under way")
        try:
            self.lock.acquire()
        except BaseException:
            self._busy.release()
            raise
        if self.closed:
            self.leave()
            self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        """Raise what closed the communicator."""
        if isinstance(self._failure, FMIError):
            raise copy.copy(self._failure)
        why = f" after {describe(self._failure)}" if self._failure else ""
        raise CommunicatorClosed(f"the communicator was closed{why}, so {name} is not possible")

    def leave(self) -> None:
        """End a call."""
        self.lock.release()
        self._busy.release()

    def end(self, error: BaseException, abort: Abort) -> None:
        """Close because of an error, and tell the other ranks; every later call raises it again."""
        if self.process != os.getpid():  # forked in the middle of a call
            return
        self.closed = True
        self._failure = error
        if self.progress:
            self.progress.dismiss()
        self.running.drop()
        self.channel.abort(abort)

    def count(self, name: str, moved: int, seconds: float) -> None:
        """Add a call to the statistics."""
        totals = self._operations.get(name)
        if totals is None:
            totals = self._operations[name] = {"calls": 0, "bytes": 0, "seconds": 0.0}
        totals["calls"] += 1
        totals["bytes"] += moved
        totals["seconds"] += seconds

    def check_rank(self, rank: int, name: str) -> None:
        """Raise ValueError or TypeError unless this is a rank of the world."""
        if not 0 <= whole(rank, name) < self.world_size:
            raise ValueError(f"{name} is a rank from 0 to {self.world_size - 1}, not {rank}")

    def check_peer(self, rank: int, name: str) -> None:
        """Raise ValueError or TypeError unless this is another rank of the world."""
        self.check_rank(rank, name)
        if rank == self.rank:
            raise ValueError(f"{name} is this rank itself ({rank}); a rank does not send to itself")


def next_number(numbers: list[int], place: int = 0) -> int:
    """The number of the next call; the one after it gets the next one."""
    number = numbers[place]
    numbers[place] = (number + 1) & SEQUENCE_MASK
    return number


def next_message(numbers: list[int], peer: int) -> int:
    """The number of the next message to or from a rank; from PART on they are those of `part_of`."""
    number = numbers[peer]
    numbers[peer] = (number + 1) % PART
    return number


def whole(value: SupportsIndex, name: str) -> int:
    """An integer argument, or a TypeError that names it."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None
