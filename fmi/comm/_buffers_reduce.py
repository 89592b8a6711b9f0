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
from fmi.collectives.allreduce import allreduce as run_allreduce
from fmi.collectives.allreduce import allreduce_peers, allreduce_steps, reduce_scatter_peers
from fmi.collectives.allreduce import reduce_scatter as run_reduce_scatter
from fmi.collectives.reduce import reduce as run_reduce
from fmi.collectives.reduce import reduce_peers
from fmi.collectives.scan import exscan as run_exscan
from fmi.collectives.scan import exscan_peers, scan_peers
from fmi.collectives.scan import scan as run_scan
from fmi.collectives.schedule import whole_range
from fmi.collectives.select import (
    LARGE_REDUCTION_BYTES,
    is_large_allreduce,
)
from fmi.comm._arrays import (
    IN_PLACE,
    Buffer,
    Counts,
    Incoming,
    InPlace,
    apart,
    blocks,
    of_size,
    outgoing,
    same_type,
    shape_of,
)
from fmi.comm._session import Session
from fmi.protocol.frames import Call, Operation

# Function, element type and shape: two calls with the same ones differ only in their data.
Kind = tuple[func, np.dtype[Any], tuple[int, ...]]


def reduce(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer | None,
    op: func | op,
    root: int,
) -> None:
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
    peers = reduce_peers(session.rank, session.world_size, root, array.nbytes, function)

    def action() -> None:
        run_reduce(context, array, total, root, function=function, combine=combine)

    session.run(Operation.REDUCE, peers, action)
    if target:
        target.settle()


def allreduce(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> None:
    """Fill every rank's recvbuf with all ranks' sendbufs combined."""
    known = session.persistent.kinds.get(kind := _kind(sendbuf, recvbuf, op))
    if known is not None:
        session.replay(known, session.calls, 0, sendbuf, recvbuf)  # type: ignore[arg-type]  # see `_kind`
        return
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    operand = None if sendbuf is IN_PLACE else apart(array, target.flat)
    context = session.context(Operation.ALLREDUCE, dtype_code(array.dtype), array.size, function=function)
    peers = allreduce_peers(context, array.nbytes, array.size, function)
    session.run(
        Operation.ALLREDUCE,
        peers,
        lambda: run_allreduce(context, target.flat, function, combine, operand),
    )
    target.settle()
    if kind is not None and function.elementwise and array.size:
        _remember_allreduce(session, kind, context.call, array)


def _remember_allreduce(session: Session, kind: Kind, call: Call, array: Array) -> None:
    rank, size = session.rank, session.world_size
    function, _, shape = kind
    combine = elementwise_combiner(function.kind)

    def make(channel: DirectChannel) -> PersistentCall | None:
        if not is_large_allreduce(size, channel.oversubscribed, array.nbytes, array.size, function):
            steps = allreduce_steps(rank, size, channel.oversubscribed)
            return persistent_steps(channel, call, shape, whole_range(steps, array.size), combine)
        return None

    session.persistent.remember(kind, array.nbytes, make)


def reduce_scatter(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer,
    recvcounts: Counts | None,
    op: func | op,
) -> None:
    """Combine all ranks' sendbufs, and fill recvbuf with this rank's block."""
    function = as_func(op)
    target = Incoming(recvbuf, "recvbuf")
    in_place = sendbuf is IN_PLACE
    total = (target.load() if in_place else outgoing(sendbuf, "sendbuf")).copy()
    same_type(total, target.flat)
    function.check(total.dtype)
    parts = blocks(total, recvcounts, None, session.world_size, "sendbuf")
    own = parts[session.rank]
    result = target.flat[: own.size] if in_place else of_size(target.flat, own.size, "recvbuf")
    combine = _combiner(function, total, total.shape)
    context = session.context(
        Operation.REDUCE_SCATTER, dtype_code(total.dtype), total.size, function=function
    )
    peers = reduce_scatter_peers(context, total.nbytes, total.size, function)
    session.run(
        Operation.REDUCE_SCATTER,
        peers,
        lambda: run_reduce_scatter(context, total, parts, function, combine),
    )
    result[...] = own
    target.settle()


def scan(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> None:
    """Fill recvbuf with the sendbufs of rank 0 to this rank combined."""
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    target.flat[...] = array
    context = session.context(Operation.SCAN, dtype_code(array.dtype), array.size, function=function)
    peers = scan_peers(session.rank, session.world_size, function)
    session.run(Operation.SCAN, peers, lambda: run_scan(context, target.flat, function, combine))
    target.settle()


def exscan(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op) -> None:
    """Fill recvbuf with the sendbufs of all ranks before this one combined."""
    function, target, array, combine = _operands(sendbuf, recvbuf, op)
    context = session.context(Operation.EXSCAN, dtype_code(array.dtype), array.size, function=function)
    peers = exscan_peers(session.rank, session.world_size, function)
    session.run(
        Operation.EXSCAN,
        peers,
        lambda: run_exscan(context, array, target.flat, function, combine),
    )
    if session.rank:
        target.settle()


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
