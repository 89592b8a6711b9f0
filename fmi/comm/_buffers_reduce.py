"""Reductions of arrays, element by element.

`Communicator` documents them; see `fmi.comm._arrays` for what is taken as an array. Raises TypeError or
ValueError for wrong arguments before anything is sent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fmi._datatypes import Array, dtype_code
from fmi._ops import Combine, as_func, combiner, elementwise_combiner, func, op
from fmi.channels.direct.channel import DirectChannel
from fmi.channels.direct.persistent import PersistentCall, persistent_steps
from fmi.collectives import plans
from fmi.collectives.plans import Reduction, nothing
from fmi.collectives.select import (
    ANY_ORDER,
    LARGE_REDUCTION_BYTES,
    Amount,
    is_large_allreduce,
)
from fmi.comm._arrays import (
    IN_PLACE,
    Buffer,
    Counts,
    Incoming,
    InPlace,
    apart,
    bounds,
    of_size,
    outgoing,
    same_type,
    shape_of,
)
from fmi.comm._requests import Collective
from fmi.comm._session import Session
from fmi.protocol.frames import Operation

# Function, element type and shape: two calls with the same ones differ only in their data.
Kind = tuple[func, np.dtype[Any], tuple[int, ...]]


def reduce(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer | None,
    op: func | op,
    root: int,
) -> Collective:
    """Fill the root's recvbuf with all ranks' sendbufs combined."""
    session.check_rank(root, "root")
    function = as_func(op)
    target = Incoming(recvbuf, "recvbuf") if session.rank == root else None
    array = _operand(sendbuf, target)
    function.check(array.dtype)
    combine = _combiner(function, array, target.shape if target else shape_of(sendbuf))
    total = target.flat if target else None
    context = session.context(
        Operation.REDUCE, dtype_code(array.dtype), array.size, root=root, function=function
    )
    plan = plans.reduce(context, array, total, root, Reduction(function, combine))
    return Collective(session, context, plan, target.settle if target else nothing)


def allreduce(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> None:
    """Fill every rank's recvbuf with all ranks' sendbufs combined."""
    known = session.persistent.kinds.get(kind := _kind(sendbuf, recvbuf, op))
    if known is not None:
        session.replay(known, session.calls, 0, sendbuf, recvbuf)  # type: ignore[arg-type]  # see `_kind`
        return
    planned = plan_allreduce(session, sendbuf, recvbuf, op)
    planned.run()
    if kind is not None:
        _remember_allreduce(planned, kind)


def plan_allreduce(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> Collective:
    """All ranks' sendbufs combined, in every rank's recvbuf."""
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    context = session.context(Operation.ALLREDUCE, dtype_code(array.dtype), array.size, function=function)
    plan = plans.allreduce(context, array, target.flat, Reduction(function, combine))
    return Collective(session, context, plan, target.settle)


def _remember_allreduce(planned: Collective, kind: Kind) -> None:
    session, call, steps = planned.session, planned.context.call, planned.plan.schedule.steps
    function, dtype, shape = kind
    amount = Amount(call.elements, dtype.itemsize)
    if not function.elementwise or not amount.elements:
        return
    combine = elementwise_combiner(function.kind)

    def make(channel: DirectChannel) -> PersistentCall | None:
        if not is_large_allreduce(session.world_size, amount, ANY_ORDER, channel.oversubscribed):
            return persistent_steps(channel, call, shape, steps, combine)
        return None

    session.persistent.remember(kind, amount.nbytes, make)


def reduce_scatter(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer,
    recvcounts: Counts | None,
    op: func | op,
) -> Collective:
    """Combine all ranks' sendbufs, and fill recvbuf with this rank's block."""
    function = as_func(op)
    target = Incoming(recvbuf, "recvbuf")
    in_place = sendbuf is IN_PLACE
    array = target.load() if in_place else apart(outgoing(sendbuf, "sendbuf"), target.flat)
    same_type(array, target.flat)
    function.check(array.dtype)
    places = bounds(array, recvcounts, None, session.world_size, "sendbuf")
    start, end = places[session.rank]
    result = target.flat[: end - start] if in_place else of_size(target.flat, end - start, "recvbuf")
    reduction = Reduction(function, _combiner(function, array, array.shape))
    context = session.context(
        Operation.REDUCE_SCATTER, dtype_code(array.dtype), array.size, function=function
    )
    plan = plans.reduce_scatter(context, array, result, places, reduction)
    return Collective(session, context, plan, target.settle)


def scan(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> Collective:
    """Fill recvbuf with the sendbufs of rank 0 to this rank combined."""
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    context = session.context(Operation.SCAN, dtype_code(array.dtype), array.size, function=function)
    plan = plans.scan(context, array, target.flat, Reduction(function, combine))
    return Collective(session, context, plan, target.settle)


def exscan(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> Collective:
    """Fill recvbuf with the sendbufs of all ranks before this one combined."""
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    context = session.context(Operation.EXSCAN, dtype_code(array.dtype), array.size, function=function)
    plan = plans.exscan(context, array, target.flat, Reduction(function, combine))
    return Collective(session, context, plan, target.settle if session.rank else nothing)


def _kind(sendbuf: object, recvbuf: object, op: func | op) -> Kind | None:
    """The kind of a call whose arguments need no further checks; None for any other call."""
    if (
        type(sendbuf) is np.ndarray
        and type(recvbuf) is np.ndarray
        and type(op) is func
        and recvbuf.shape == sendbuf.shape
        and recvbuf.dtype == sendbuf.dtype
        and recvbuf.flags.writeable
        and (sendbuf.nbytes < LARGE_REDUCTION_BYTES or _are_plain(sendbuf, recvbuf))
    ):
        return op, sendbuf.dtype, sendbuf.shape
    return None


def _are_plain(sendbuf: Array, recvbuf: Array) -> bool:
    """Whether the arrays' memory can be sent and filled without a copy."""
    return (
        sendbuf.flags.c_contiguous
        and recvbuf.flags.c_contiguous
        and (sendbuf is recvbuf or not np.may_share_memory(sendbuf, recvbuf))
    )


def _operands(
    sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op
) -> tuple[func, Incoming, Array, Combine]:
    """The function, the buffer for the result, this rank's operand, and the reduction's step."""
    function, target = as_func(op), Incoming(recvbuf, "recvbuf")
    array = _operand(sendbuf, target)
    function.check(array.dtype)
    return function, target, array, _combiner(function, array, target.shape)


def _operand(sendbuf: Buffer | InPlace, target: Incoming | None) -> Array:
    """This rank's operand, which has the result's type and size."""
    if sendbuf is IN_PLACE and target is not None:
        return target.load()
    array = outgoing(sendbuf, "sendbuf")
    if target is not None:
        same_type(array, target.flat)
        of_size(target.flat, array.size, "recvbuf")
        return apart(array, target.flat)
    return array


def _combiner(function: func, array: Array, shape: tuple[int, ...]) -> Combine:
    """The reduction's step over flat arrays; a custom function gets them in their shape."""
    if function.elementwise:
        return elementwise_combiner(function.kind)
    dtype = array.dtype

    def like(flat: Array) -> Array:
        view = flat.reshape(shape)
        view.flags.writeable = False
        return view

    def back(result: object) -> Array:
        array = np.asarray(result)
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise TypeError(f"the custom function returned elements of {array.dtype}, not {dtype}")
        if array.size != math.prod(shape):
            raise ValueError(f"the custom function returned {array.size} elements, not {math.prod(shape)}")
        return array.reshape(-1)

    return combiner(function, like, back)
