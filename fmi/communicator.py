"""The communicator: the original FMI interface over a channel."""

from __future__ import annotations

import copy
import enum
import operator
import os
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from fmi import collectives, lifecycle
from fmi.channel import Channel
from fmi.collectives import Stage, as_bytes
from fmi.config import Config, Source, require_secret, resolve
from fmi.direct import Direct
from fmi.errors import CommunicatorClosed, FMIError, MismatchError, PeerFailure, Timeout
from fmi.frames import NO_ROOT, Abort, Call, Operation
from fmi.functions import Combine, combiner, func
from fmi.values import Array, Form, Value, dtype_code, types

Result = TypeVar("Result")
_SEQUENCE_MASK = 0xFFFFFFFF


class hints(enum.Enum):  # noqa: N801 - the original interface's name
    """What to prefer where there is a choice of channels."""

    fast = 1
    cheap = 2


class Communicator:
    """The ranks of one world, as one of them sees it.

    Every rank calls the same collective operations in the same order with the same type, root and function;
    a rank that does not is a MismatchError. Connections are made when an operation first needs them. Not
    for use by two threads at a time. Once an error was raised in the middle of an operation the
    communicator is closed, the other ranks are told, and every later call raises that error again.

    Args:
        peer_id: this rank, 0 to num_peers - 1.
        num_peers: size of the world.
        config: path of an fmi.json or a dict of that shape, see `fmi.config`; None takes the default.
        comm_name: name of the communicator; worlds that run at the same time with one secret need different
        ones.
        faas_memory: memory of the function in MiB, for the price model.

    Raises:
        ConfigError, ValueError, TypeError: before anything is sent.
    """

    def __init__(
        self,
        peer_id: int,
        num_peers: int,
        config: Source | Config = None,
        comm_name: str = "fmi",
        faas_memory: int = 128,
    ) -> None:
        self._closed = True  # until there is something to close
        self.world_size = _whole(num_peers, "num_peers")
        self.rank = _whole(peer_id, "peer_id")
        if self.world_size < 1:
            raise ValueError(f"num_peers is at least 1, not {num_peers}")
        self._check_rank(self.rank, "peer_id")
        self.name = comm_name
        self.faas_memory = _whole(faas_memory, "faas_memory")
        settings = config if isinstance(config, Config) else resolve(config)
        if self.world_size > 1:
            require_secret(settings)
        self._channel: Channel = Direct(self.rank, self.world_size, comm_name, settings)
        self._hint = hints.fast
        self._sequence = 0
        self._messages: dict[tuple[str, int], int] = {}
        self._busy = threading.Lock()
        self._failure: BaseException | None = None
        self._operations: dict[str, dict[str, float]] = {}
        self.process = os.getpid()
        self._closed = False
        lifecycle.register(self)

    def __repr__(self) -> str:
        return f"<fmi.Communicator {self.name!r} rank {self.rank} of {self.world_size}>"

    def hint(self, hint: hints) -> None:
        """Prefer speed or price where there is a choice of channels."""
        if not isinstance(hint, hints):
            raise TypeError(f"a hint is fmi.hints.fast or fmi.hints.cheap, not {hint!r}")
        self._hint = hint

    # Point to point

    def send(self, obj: object, dest: int, type: types) -> None:  # noqa: A002 - the original interface's name
        """Send to one rank; returns when the data may change. That rank calls `recv` with the same type."""
        _check_type(type)
        self._check_peer(dest, "dest")
        array, form = type.flatten(obj), type.form_of(obj)

        def action() -> None:
            self._channel.post(dest, self._message("to", dest, type), as_bytes(array), form)

        self._run(Operation.SEND, [dest], action)

    def recv(self, src: int, type: types) -> Value:  # noqa: A002 - the original interface's name
        """Receive what that rank sends: a scalar, a list, or an array if it sent an array."""
        _check_type(type)
        self._check_peer(src, "src")
        array = np.empty(type.count, type.dtype)

        def action() -> Value:
            form = self._channel.receive(src, self._message("from", src, type), as_bytes(array))
            return type.restore(array, Form(form))

        return self._run(Operation.SEND, [src], action, "recv")

    # Collective operations

    def barrier(self) -> None:
        """Wait until every rank is here."""
        stage = self._stage(Operation.BARRIER)
        self._run(
            Operation.BARRIER,
            collectives.barrier_peers(self.rank, self.world_size),
            lambda: collectives.barrier(stage),
        )

    def bcast(self, obj: object, root: int, type: types) -> Value:  # noqa: A002
        """The root's value, on every rank; `obj` is ignored elsewhere."""
        _check_type(type)
        self._check_rank(root, "root")
        is_root = self.rank == root
        array = type.flatten(obj) if is_root else np.empty(type.count, type.dtype)
        stage = self._stage(Operation.BCAST, type, root, form=type.form_of(obj))

        def action() -> Value:
            collectives.bcast(stage, array, root)
            return type.restore(array, Form(stage.form), _shape(obj) if is_root else None)

        return self._run(Operation.BCAST, self._tree(root), action)

    def gather(self, obj: object, root: int, type: types) -> Value:  # noqa: A002
        """All ranks' values as one flat list (array, if the root passed one) on the root; None elsewhere."""
        _check_type(type)
        self._check_rank(root, "root")
        array = type.flatten(obj)
        stage = self._stage(Operation.GATHER, type, root)
        form = Form.ARRAY if type.form_of(obj) is Form.ARRAY else Form.LIST

        def action() -> Value:
            everything = collectives.gather(stage, array, root)
            return None if everything is None else type.restore(everything, form)

        return self._run(Operation.GATHER, self._tree(root), action)

    def scatter(self, obj: object, root: int, type: types) -> Value:  # noqa: A002
        """This rank's equal share of the root's list; `obj` is ignored elsewhere.

        The type's length is the whole list's, a multiple of the world size. A share is a list even if it
        has one value (an array, if the root passed one).
        """
        _check_type(type)
        self._check_rank(root, "root")
        if not type.is_list:
            raise ValueError(
                f"scatter deals out a list: use fmi.datatypes.{type.kind.name}_list with its length"
            )
        if type.count % self.world_size:
            raise ValueError(f"{type.count} values cannot be dealt out evenly to {self.world_size} ranks")
        whole = type.flatten(obj) if self.rank == root else None
        share = np.empty(type.count // self.world_size, type.dtype)
        stage = self._stage(Operation.SCATTER, type, root, form=type.form_of(obj))

        def action() -> Value:
            collectives.scatter(stage, whole, share, root)
            return type.restore(share, Form(stage.form))

        return self._run(Operation.SCATTER, self._tree(root), action)

    def reduce(self, obj: object, root: int, func: func, type: types) -> Value:  # noqa: A002
        """All ranks' values combined, on the root; None elsewhere."""
        self._check_rank(root, "root")
        array, combine, restore = _operand(obj, func, type)
        stage = self._stage(Operation.REDUCE, type, root, func)

        def action() -> Value:
            total = collectives.reduce(stage, array, root, func, combine)
            return None if total is None else restore(total)

        peers = collectives.reduce_peers(self.rank, self.world_size, root, func)
        return self._run(Operation.REDUCE, peers, action)

    def allreduce(self, obj: object, func: func, type: types) -> Value:  # noqa: A002
        """All ranks' values combined, on every rank, with the same bits."""
        array, combine, restore = _operand(obj, func, type)
        stage = self._stage(Operation.ALLREDUCE, type, function=func)
        peers = collectives.allreduce_peers(self.rank, self.world_size, array.nbytes, array.size, func)
        return self._run(
            Operation.ALLREDUCE, peers, lambda: restore(collectives.allreduce(stage, array, func, combine))
        )

    def scan(self, obj: object, func: func, type: types) -> Value:  # noqa: A002
        """The values of rank 0 to this rank (inclusive) combined, in rank order."""
        array, combine, restore = _operand(obj, func, type)
        stage = self._stage(Operation.SCAN, type, function=func)
        peers = collectives.scan_peers(self.rank, self.world_size, func)
        return self._run(
            Operation.SCAN, peers, lambda: restore(collectives.scan(stage, array, func, combine))
        )

    # Life

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
        if not self._closed:
            self._end(CommunicatorClosed(f"the communicator was aborted: {reason}"), Abort(self.rank, reason))

    def close(self) -> None:
        """Let what was sent arrive, say goodbye and close the connections. Does nothing the second time."""
        if not self._closed:
            self._closed = True
            self._channel.close()

    def __enter__(self) -> Communicator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abort(_describe(error))
        self.close()

    def __del__(self) -> None:
        if not self._closed and self.process == os.getpid():
            self.close()

    # Inside

    def _stage(
        self,
        operation: Operation,
        kind: types | None = None,
        root: int = NO_ROOT,
        function: func | None = None,
        form: int = 0,
    ) -> Stage:
        dtype, count = (dtype_code(kind.dtype), kind.count) if kind else (0, 0)
        code = function.code if function else 0
        call = Call(operation, self._sequence, dtype, count, root, code)
        return Stage(self._channel, call, self.rank, self.world_size, form)

    def _message(self, direction: str, peer: int, kind: types) -> Call:
        """The next message to or from a peer; both sides count alike."""
        sequence = self._messages.get((direction, peer), 0)
        self._messages[direction, peer] = (sequence + 1) & _SEQUENCE_MASK
        return Call(Operation.SEND, sequence, dtype_code(kind.dtype), kind.count)

    def _tree(self, root: int) -> list[int]:
        return collectives.tree_peers(self.rank, self.world_size, root)

    def _run(
        self,
        operation: Operation,
        peers: Iterable[int],
        action: Callable[[], Result],
        name: str | None = None,
    ) -> Result:
        name = name or operation.name.lower()
        self._enter(name)
        started = time.perf_counter()
        moved = self._channel.bytes_sent + self._channel.bytes_received
        try:
            self._channel.connect(peers)
            result = action()
            self._channel.flush()
            self._channel.rest()
        except BaseException as error:
            self._end(error, _as_abort(error, self.rank, name))
            raise
        finally:
            self._busy.release()
        if operation is not Operation.SEND:
            self._sequence = (self._sequence + 1) & _SEQUENCE_MASK
        moved = self._channel.bytes_sent + self._channel.bytes_received - moved
        self._count(name, moved, time.perf_counter() - started)
        return result

    def _enter(self, name: str) -> None:
        if isinstance(self._failure, FMIError):
            raise copy.copy(self._failure)
        if self._closed:
            why = f" after {_describe(self._failure)}" if self._failure else ""
            raise CommunicatorClosed(f"the communicator was closed{why}, so {name} is not possible")
        if not self._busy.acquire(blocking=False):
            raise FMIError(f"{name} was called while another operation of this communicator is under way")

    def _end(self, error: BaseException, abort: Abort) -> None:
        self._closed = True
        self._failure = error
        self._channel.abort(abort)

    def _count(self, name: str, moved: int, seconds: float) -> None:
        totals = self._operations.setdefault(name, {"calls": 0, "bytes": 0, "seconds": 0.0})
        totals["calls"] += 1
        totals["bytes"] += moved
        totals["seconds"] += seconds

    def _check_rank(self, rank: int, name: str) -> None:
        if not 0 <= _whole(rank, name) < self.world_size:
            raise ValueError(f"{name} is a rank from 0 to {self.world_size - 1}, not {rank}")

    def _check_peer(self, rank: int, name: str) -> None:
        self._check_rank(rank, name)
        if rank == self.rank:
            raise ValueError(f"{name} is this rank itself ({rank}); a rank does not send to itself")


def _operand(obj: object, function: func, kind: types) -> tuple[Array, Combine, Callable[[Array], Any]]:
    """A reduction's input as a flat array, its step, and the way back to what the caller passed."""
    _check_type(kind)
    if not isinstance(function, func):
        raise TypeError(f"the function is an fmi.func, such as fmi.func(fmi.op.sum), not {function!r}")
    array = kind.flatten(obj)
    form, shape = kind.form_of(obj), _shape(obj)
    like, back = kind.converters(form, shape)
    return array, combiner(function, like, back), lambda total: kind.restore(total, form, shape)


def _check_type(kind: types) -> None:
    if not isinstance(kind, types):
        raise TypeError(f"the type is an fmi.types, such as fmi.types(fmi.datatypes.double), not {kind!r}")


def _shape(obj: object) -> tuple[int, ...] | None:
    return obj.shape if isinstance(obj, np.ndarray) else None


def _whole(value: object, name: str) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None


def _describe(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}"


def _as_abort(error: BaseException, rank: int, operation: str) -> Abort:
    """What the other ranks are told about an error of this one: who failed first, and why."""
    if isinstance(error, PeerFailure):
        return Abort(error.rank, error.reason)
    if isinstance(error, MismatchError):
        return Abort(rank, str(error), mismatch=True)
    if isinstance(error, Timeout) and error.missing:
        return Abort(error.missing[0], str(error))
    return Abort(rank, f"{_describe(error)} in {operation}")
