"""The original interface: operations on numbers and lists of a type that every rank names.

`Communicator` documents them. Raises TypeError or ValueError for wrong arguments before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fmi._datatypes import Array, Form, Value, dtype_code, types
from fmi._ops import as_func, func, number_combiner, op, original_order
from fmi.collectives import plans
from fmi.collectives.context import Context, as_bytes
from fmi.collectives.plans import Reduction
from fmi.comm._messages import message_from, message_to
from fmi.comm._session import Session
from fmi.protocol.frames import NO_ROOT, Operation


def send(session: Session, obj: object, dest: int, kind: types) -> None:
    """Send a value to one rank."""
    _check_type(kind)
    session.check_peer(dest, "dest")
    array, form = kind.flatten(obj), kind.form_of(obj)

    def action() -> None:
        session.channel.post(
            dest, message_to(session, dest, dtype_code(kind.dtype), kind.count), as_bytes(array), form
        )

    session.run(Operation.SEND, [dest], action)


def recv(session: Session, src: int, kind: types) -> Value:
    """Receive what that rank sends."""
    _check_type(kind)
    session.check_peer(src, "src")
    array = np.empty(kind.count, kind.dtype)

    def action() -> Value:
        form = session.channel.receive(
            src, message_from(session, src, dtype_code(kind.dtype), kind.count), as_bytes(array)
        )
        return kind.restore(array, Form(form))

    return session.run(Operation.SEND, [src], action, "recv")


def bcast(session: Session, obj: object, root: int, kind: types) -> Value:
    """The root's value, on every rank."""
    _check_type(kind)
    session.check_rank(root, "root")
    is_root = session.rank == root
    array = kind.flatten(obj) if is_root else np.empty(kind.count, kind.dtype)
    context = _context(session, Operation.BCAST, kind, root=root, form=kind.form_of(obj))
    plan = plans.bcast(context, array, root)

    def action() -> Value:
        plan.run(context)
        return kind.restore(array, Form(context.form), _shape(obj) if is_root else None)

    return session.run(Operation.BCAST, plan.peers, action)


def gather(session: Session, obj: object, root: int, kind: types) -> Value:
    """All ranks' values on the root; None elsewhere."""
    _check_type(kind)
    session.check_rank(root, "root")
    array = kind.flatten(obj)
    context = _context(session, Operation.GATHER, kind, root=root)
    form = Form.ARRAY if kind.form_of(obj) is Form.ARRAY else Form.LIST
    whole = np.empty(array.size * session.world_size, array.dtype) if session.rank == root else None
    plan = plans.gather(context, array, whole, root)

    def action() -> Value:
        plan.run(context)
        return None if whole is None else kind.restore(whole, form)

    return session.run(Operation.GATHER, plan.peers, action)


def scatter(session: Session, obj: object, root: int, kind: types) -> Value:
    """This rank's part of the root's list."""
    _check_type(kind)
    session.check_rank(root, "root")
    if not kind.is_list:
        raise ValueError(f"scatter deals out a list: use fmi.datatypes.{kind.kind.name}_list with its length")
    if kind.count % session.world_size:
        raise ValueError(f"{kind.count} values cannot be dealt out evenly to {session.world_size} ranks")
    whole = kind.flatten(obj) if session.rank == root else None
    block = np.empty(kind.count // session.world_size, kind.dtype)
    context = _context(session, Operation.SCATTER, kind, root=root, form=kind.form_of(obj))
    plan = plans.scatter(context, whole, block, root)

    def action() -> Value:
        plan.run(context)
        return kind.restore(block, Form(context.form))

    return session.run(Operation.SCATTER, plan.peers, action)


def reduce(session: Session, obj: object, root: int, function: func | op, kind: types) -> Value:
    """All ranks' values combined, on the root; None elsewhere."""
    session.check_rank(root, "root")
    reduction, array, restore = _operand(obj, function, kind)
    context = _context(session, Operation.REDUCE, kind, root=root, function=reduction.function)
    total = np.empty_like(array) if session.rank == root else None
    plan = plans.reduce(context, array, total, root, reduction)

    def action() -> Value:
        plan.run(context)
        return None if total is None else restore(total)

    return session.run(Operation.REDUCE, plan.peers, action)


def allreduce(session: Session, obj: object, function: func | op, kind: types) -> Value:
    """All ranks' values combined, on every rank."""
    reduction, array, restore = _operand(obj, function, kind)
    total = np.empty_like(array)
    context = _context(session, Operation.ALLREDUCE, kind, function=reduction.function)
    plan = plans.allreduce(context, array, total, reduction)

    def action() -> Value:
        plan.run(context)
        return restore(total)

    return session.run(Operation.ALLREDUCE, plan.peers, action)


def scan(session: Session, obj: object, function: func | op, kind: types) -> Value:
    """The values of rank 0 to this rank combined."""
    reduction, array, restore = _operand(obj, function, kind)
    total = np.empty_like(array)
    context = _context(session, Operation.SCAN, kind, function=reduction.function)
    plan = plans.scan(context, array, total, reduction)

    def action() -> Value:
        plan.run(context)
        return restore(total)

    return session.run(Operation.SCAN, plan.peers, action)


def _context(
    session: Session,
    operation: Operation,
    kind: types,
    *,
    root: int = NO_ROOT,
    function: func | None = None,
    form: int = 0,
) -> Context:
    code, count = dtype_code(kind.dtype), kind.count
    return session.context(operation, code, count, root=root, function=function, form=form)


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
