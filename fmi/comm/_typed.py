"""The original interface: operations on numbers and lists of a type that every rank names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fmi._datatypes import Array, Form, Value, dtype_code, types
from fmi._ops import as_func, func, number_combiner, op, original_order
from fmi.collectives import plans
from fmi.collectives.context import Context, as_bytes
from fmi.collectives.plans import Reduction
from fmi.comm._messages import Messages
from fmi.protocol.frames import NO_ROOT, Operation


class TypedCalls(Messages):
    """The calls with a type; `Communicator` documents them."""

    def _send_typed(self, obj: object, dest: int, kind: types) -> None:
        _check_type(kind)
        self._check_peer(dest, "dest")
        array, form = kind.flatten(obj), kind.form_of(obj)

        def action() -> None:
            self._channel.post(
                dest, self._message_to(dest, dtype_code(kind.dtype), kind.count), as_bytes(array), form
            )

        self._run(Operation.SEND, [dest], action)

    def _recv_typed(self, src: int, kind: types) -> Value:
        _check_type(kind)
        self._check_peer(src, "src")
        array = np.empty(kind.count, kind.dtype)

        def action() -> Value:
            form = self._channel.receive(
                src, self._message_from(src, dtype_code(kind.dtype), kind.count), as_bytes(array)
            )
            return kind.restore(array, Form(form))

        return self._run(Operation.SEND, [src], action, "recv")

    def _bcast_typed(self, obj: object, root: int, kind: types) -> Value:
        _check_type(kind)
        self._check_rank(root, "root")
        is_root = self.rank == root
        array = kind.flatten(obj) if is_root else np.empty(kind.count, kind.dtype)
        context = self._typed(Operation.BCAST, kind, root=root, form=kind.form_of(obj))
        plan = plans.bcast(context, array, root)

        def action() -> Value:
            plan.run(context)
            return kind.restore(array, Form(context.form), _shape(obj) if is_root else None)

        return self._run(Operation.BCAST, plan.peers, action)

    def _gather_typed(self, obj: object, root: int, kind: types) -> Value:
        _check_type(kind)
        self._check_rank(root, "root")
        array = kind.flatten(obj)
        context = self._typed(Operation.GATHER, kind, root=root)
        form = Form.ARRAY if kind.form_of(obj) is Form.ARRAY else Form.LIST
        whole = np.empty(array.size * self.world_size, array.dtype) if self.rank == root else None
        plan = plans.gather(context, array, whole, root)

        def action() -> Value:
            plan.run(context)
            return None if whole is None else kind.restore(whole, form)

        return self._run(Operation.GATHER, plan.peers, action)

    def _scatter_typed(self, obj: object, root: int, kind: types) -> Value:
        _check_type(kind)
        self._check_rank(root, "root")
        if not kind.is_list:
            raise ValueError(
                f"scatter deals out a list: use fmi.datatypes.{kind.kind.name}_list with its length"
            )
        if kind.count % self.world_size:
            raise ValueError(f"{kind.count} values cannot be dealt out evenly to {self.world_size} ranks")
        whole = kind.flatten(obj) if self.rank == root else None
        block = np.empty(kind.count // self.world_size, kind.dtype)
        context = self._typed(Operation.SCATTER, kind, root=root, form=kind.form_of(obj))
        plan = plans.scatter(context, whole, block, root)

        def action() -> Value:
            plan.run(context)
            return kind.restore(block, Form(context.form))

        return self._run(Operation.SCATTER, plan.peers, action)

    def _reduce_typed(self, obj: object, root: int, function: func | op, kind: types) -> Value:
        reduction, array, restore = _operand(obj, function, kind)
        context = self._typed(Operation.REDUCE, kind, root=root, function=reduction.function)
        total = np.empty_like(array) if self.rank == root else None
        plan = plans.reduce(context, array, total, root, reduction)

        def action() -> Value:
            plan.run(context)
            return None if total is None else restore(total)

        return self._run(Operation.REDUCE, plan.peers, action)

    def _allreduce_typed(self, obj: object, function: func | op, kind: types) -> Value:
        reduction, array, restore = _operand(obj, function, kind)
        total = np.empty_like(array)
        context = self._typed(Operation.ALLREDUCE, kind, function=reduction.function)
        plan = plans.allreduce(context, array, total, reduction)

        def action() -> Value:
            plan.run(context)
            return restore(total)

        return self._run(Operation.ALLREDUCE, plan.peers, action)

    def _scan_typed(self, obj: object, function: func | op, kind: types) -> Value:
        reduction, array, restore = _operand(obj, function, kind)
        total = np.empty_like(array)
        context = self._typed(Operation.SCAN, kind, function=reduction.function)
        plan = plans.scan(context, array, total, reduction)

        def action() -> Value:
            plan.run(context)
            return restore(total)

        return self._run(Operation.SCAN, plan.peers, action)

    def _typed(
        self,
        operation: Operation,
        kind: types,
        *,
        root: int = NO_ROOT,
        function: func | None = None,
        form: int = 0,
    ) -> Context:
        code, count = dtype_code(kind.dtype), kind.count
        return self._context(operation, code, count, root=root, function=function, form=form)


def _operand(
    obj: object, function: func | op, kind: types
) -> tuple[Reduction, Array, Callable[[Array], Value]]:
    """What is reduced with, this rank's flat operand, and how to restore a value like the caller's."""
    _check_type(kind)
    function = original_order(as_func(function))
    function.check(kind.dtype)
    array = kind.flatten(obj)
    form, shape = kind.form_of(obj), _shape(obj)
    reduction = Reduction(function, number_combiner(function, kind.from_custom))
    return reduction, array, lambda total: kind.restore(total, form, shape)


def _check_type(kind: types) -> None:
    if not isinstance(kind, types):
        raise TypeError(f"the type is an fmi.types, such as fmi.types(fmi.datatypes.double), not {kind!r}")


def _shape(obj: object) -> tuple[int, ...] | None:
    return obj.shape if isinstance(obj, np.ndarray) else None
