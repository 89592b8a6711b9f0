"""The communicator: the original FMI interface over a channel."""

from __future__ import annotations

import enum
from collections.abc import Callable

import numpy as np

from fmi import collectives, reductions
from fmi.array_messages import ArrayMessages
from fmi.array_moves import ArrayMoves
from fmi.array_reductions import ArrayReductions
from fmi.config import Config, Source, resolve
from fmi.dtypes import dtype_code
from fmi.frames import NO_ROOT, Operation
from fmi.functions import Combine, combiner, func
from fmi.session import whole
from fmi.stage import Stage, as_bytes
from fmi.values import Array, Form, Value, types


class hints(enum.Enum):  # noqa: N801 - the original interface's name
    """What to prefer where there is a choice of channels."""

    fast = 1
    cheap = 2


class Communicator(ArrayMessages, ArrayMoves, ArrayReductions):
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
        self.faas_memory = whole(faas_memory, "faas_memory")
        self._hint = hints.fast
        settings = config if isinstance(config, Config) else resolve(config)
        super().__init__(peer_id, num_peers, settings, comm_name)

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
            self._channel.post(
                dest, self._message("to", dest, dtype_code(type.dtype), type.count), as_bytes(array), form
            )

        self._run(Operation.SEND, [dest], action)

    def recv(self, src: int, type: types) -> Value:  # noqa: A002 - the original interface's name
        """Receive what that rank sends: a scalar, a list, or an array if it sent an array."""
        _check_type(type)
        self._check_peer(src, "src")
        array = np.empty(type.count, type.dtype)

        def action() -> Value:
            form = self._channel.receive(
                src, self._message("from", src, dtype_code(type.dtype), type.count), as_bytes(array)
            )
            return type.restore(array, Form(form))

        return self._run(Operation.SEND, [src], action, "recv")

    # Collective operations

    def barrier(self) -> None:
        """Wait until every rank is here."""
        stage = self._stage(Operation.BARRIER)
        peers = collectives.barrier_peers(self.rank, self.world_size)
        self._run(Operation.BARRIER, peers, lambda: collectives.barrier(stage))

    Barrier = barrier

    def bcast(self, obj: object, root: int, type: types) -> Value:  # noqa: A002
        """The root's value, on every rank; `obj` is ignored elsewhere."""
        _check_type(type)
        self._check_rank(root, "root")
        is_root = self.rank == root
        array = type.flatten(obj) if is_root else np.empty(type.count, type.dtype)
        stage = self._typed(Operation.BCAST, type, root=root, form=type.form_of(obj))

        def action() -> Value:
            collectives.bcast(stage, array, root)
            return type.restore(array, Form(stage.form), _shape(obj) if is_root else None)

        peers = collectives.bcast_peers(self.rank, self.world_size, root, array.nbytes)
        return self._run(Operation.BCAST, peers, action)

    def gather(self, obj: object, root: int, type: types) -> Value:  # noqa: A002
        """All ranks' values as one flat list (array, if the root passed one) on the root; None elsewhere."""
        _check_type(type)
        self._check_rank(root, "root")
        array = type.flatten(obj)
        stage = self._typed(Operation.GATHER, type, root=root)
        form = Form.ARRAY if type.form_of(obj) is Form.ARRAY else Form.LIST

        whole = np.empty(array.size * self.world_size, array.dtype) if self.rank == root else None

        def action() -> Value:
            collectives.gather(stage, array, whole, root)
            return None if whole is None else type.restore(whole, form)

        return self._run(Operation.GATHER, self._gather_peers(root, array), action)

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
        stage = self._typed(Operation.SCATTER, type, root=root, form=type.form_of(obj))

        def action() -> Value:
            collectives.scatter(stage, whole, share, root)
            return type.restore(share, Form(stage.form))

        return self._run(Operation.SCATTER, self._gather_peers(root, share), action)

    def reduce(self, obj: object, root: int, func: func, type: types) -> Value:  # noqa: A002
        """All ranks' values combined, on the root; None elsewhere."""
        self._check_rank(root, "root")
        array, combine, restore = _operand(obj, func, type)
        stage = self._typed(Operation.REDUCE, type, root=root, function=func)
        total = np.empty_like(array) if self.rank == root else None

        def action() -> Value:
            reductions.reduce(stage, array, total, root, function=func, combine=combine)
            return None if total is None else restore(total)

        peers = reductions.reduce_peers(self.rank, self.world_size, root, array.nbytes, func)
        return self._run(Operation.REDUCE, peers, action)

    def allreduce(self, obj: object, func: func, type: types) -> Value:  # noqa: A002
        """All ranks' values combined, on every rank, with the same bits."""
        array, combine, restore = _operand(obj, func, type)
        total = np.empty_like(array)
        stage = self._typed(Operation.ALLREDUCE, type, function=func)
        peers = reductions.allreduce_peers(self.rank, self.world_size, array.nbytes, array.size, func)

        def action() -> Value:
            reductions.allreduce(stage, total, func, combine, array)
            return restore(total)

        return self._run(Operation.ALLREDUCE, peers, action)

    def scan(self, obj: object, func: func, type: types) -> Value:  # noqa: A002
        """The values of rank 0 to this rank (inclusive) combined, in rank order."""
        array, combine, restore = _operand(obj, func, type)
        total = array.copy()
        stage = self._typed(Operation.SCAN, type, function=func)
        peers = reductions.scan_peers(self.rank, self.world_size, func)

        def action() -> Value:
            reductions.scan(stage, total, func, combine)
            return restore(total)

        return self._run(Operation.SCAN, peers, action)

    def _typed(
        self,
        operation: Operation,
        kind: types,
        *,
        root: int = NO_ROOT,
        function: func | None = None,
        form: int = 0,
    ) -> Stage:
        code, count = dtype_code(kind.dtype), kind.count
        return self._stage(operation, code, count, root=root, function=function, form=form)

    def _gather_peers(self, root: int, share: Array) -> list[int]:
        return collectives.gather_peers(self.rank, self.world_size, root, share.nbytes)


def _operand(obj: object, function: func, kind: types) -> tuple[Array, Combine, Callable[[Array], Value]]:
    """A reduction's input as a flat array, its step, and the way back to what the caller passed."""
    _check_type(kind)
    if not isinstance(function, func):
        raise TypeError(f"the function is an fmi.func, such as fmi.func(fmi.op.sum), not {function!r}")
    function.check(kind.dtype)
    array = kind.flatten(obj)
    form, shape = kind.form_of(obj), _shape(obj)
    like, back = kind.converters(form, shape)
    return array, combiner(function, like, back), lambda total: kind.restore(total, form, shape)


def _check_type(kind: types) -> None:
    if not isinstance(kind, types):
        raise TypeError(f"the type is an fmi.types, such as fmi.types(fmi.datatypes.double), not {kind!r}")


def _shape(obj: object) -> tuple[int, ...] | None:
    return obj.shape if isinstance(obj, np.ndarray) else None
