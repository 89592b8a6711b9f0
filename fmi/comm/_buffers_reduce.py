"""Reductions of arrays, after mpi4py's upper-case convention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fmi._datatypes import Array, dtype_code
from fmi._ops import SUM, Combine, as_func, combiner, elementwise_combiner, func, op
from fmi.channels.direct.frames import FramedConnections
from fmi.channels.direct.persistent import PersistentCall, PersistentSteps
from fmi.channels.direct.persistent_halving import PersistentHalving
from fmi.collectives import plans
from fmi.collectives.plans import Plan, Reduction
from fmi.collectives.select import (
    ANY_ORDER,
    LARGE_REDUCTION_BYTES,
    ONE_SEGMENT_HALVING_BYTES,
    SEGMENT_BYTES,
    Amount,
    is_large_allreduce,
    uses_halving,
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
from fmi.comm._persistent import PersistentCalls
from fmi.protocol.frames import Call, Operation

# Function, element type and shape: two calls with the same ones differ only in their data.
Kind = tuple[func, np.dtype[Any], tuple[int, ...]]


class ArrayReductions(PersistentCalls):
    """Reduce, Allreduce, Reduce_scatter, Scan and Exscan, element by element.

    Every rank of the communicator makes the same call, with the same element type, size, root and `op`: one
    of `fmi.SUM` and its siblings, an `fmi.op`, or an `fmi.func` of your own, which gets two read-only arrays
    of the buffer's shape and returns one. `fmi.IN_PLACE` for sendbuf says that the data is in recvbuf. See
    `fmi.comm._arrays` for what is taken as an array. Raises TypeError or ValueError for wrong arguments
    before anything is sent.
    """

    def Reduce(  # noqa: N802 - mpi4py's name
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        op: func | op = SUM,
        root: int = 0,
    ) -> None:
        """Fill the root's recvbuf with all ranks' sendbufs combined; it is ignored elsewhere.

        Only the root may pass IN_PLACE.
        """
        self._check_rank(root, "root")
        function = as_func(op)
        target = Incoming(recvbuf, "recvbuf") if self.rank == root else None  # type: ignore[arg-type]
        array = _operand(sendbuf, target)
        function.check(array.dtype)
        combine = _combiner(function, array, target.shape if target else shape_of(sendbuf))
        total = target.flat if target else None
        context = self._context(
            Operation.REDUCE, dtype_code(array.dtype), array.size, root=root, function=function
        )
        plan = plans.reduce(context, array, total, root, Reduction(function, combine))
        self._run(Operation.REDUCE, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Allreduce(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:  # noqa: N802
        """Fill every rank's recvbuf with all ranks' sendbufs combined, with the same bits everywhere."""
        known = self._kinds.get(kind := _kind(sendbuf, recvbuf, op))
        if known is not None:
            self._replay(known, self._calls, 0, sendbuf, recvbuf)  # type: ignore[arg-type]  # see `_kind`
            return
        function, target, array, combine = _operands(sendbuf, recvbuf, op)
        context = self._context(Operation.ALLREDUCE, dtype_code(array.dtype), array.size, function=function)
        plan = plans.allreduce(context, array, target.flat, Reduction(function, combine))
        self._run(Operation.ALLREDUCE, plan.peers, lambda: plan.run(context))
        target.settle()
        if kind is not None and function.elementwise and array.size:
            self._remember_allreduce(kind, context.call, array, plan, combine)

    def _remember_allreduce(self, kind: Kind, call: Call, array: Array, plan: Plan, combine: Combine) -> None:
        size, amount = self.world_size, Amount(array.size, array.itemsize)
        _, _, shape = kind

        def make(channel: FramedConnections) -> PersistentCall | None:
            if not is_large_allreduce(size, amount, ANY_ORDER, channel.oversubscribed):
                return PersistentSteps(channel, call, shape, plan.schedule.steps, combine)
            if uses_halving(size) and SEGMENT_BYTES % array.itemsize == 0:
                return PersistentHalving(channel, call, plan.schedule.steps, combine)
            return None

        self._remember(kind, array.nbytes, make, ONE_SEGMENT_HALVING_BYTES)

    def Reduce_scatter(  # noqa: N802
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        recvcounts: Counts | None = None,
        op: func | op = SUM,
    ) -> None:
        """Combine all ranks' sendbufs, and fill recvbuf with this rank's block of `recvcounts[rank]`
        elements.

        Without recvcounts the blocks are as even as possible: the first ranks have one element more. With
        IN_PLACE for sendbuf the data is in recvbuf, and the result replaces its first elements.
        """
        function = as_func(op)
        target = Incoming(recvbuf, "recvbuf")
        in_place = sendbuf is IN_PLACE
        array = target.load() if in_place else outgoing(sendbuf, "sendbuf")
        same_type(array, target.flat)
        function.check(array.dtype)
        places = bounds(array, recvcounts, None, self.world_size, "sendbuf")
        start, end = places[self.rank]
        result = target.flat[: end - start] if in_place else of_size(target.flat, end - start, "recvbuf")
        reduction = Reduction(function, _combiner(function, array, array.shape))
        context = self._context(
            Operation.REDUCE_SCATTER, dtype_code(array.dtype), array.size, function=function
        )
        plan = plans.reduce_scatter(context, array, result, places, reduction)
        self._run(Operation.REDUCE_SCATTER, plan.peers, lambda: plan.run(context))
        target.settle()

    def Scan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:  # noqa: N802
        """Fill recvbuf with the sendbufs of rank 0 to this rank combined, in rank order."""
        function, target, array, combine = _operands(sendbuf, recvbuf, op)
        context = self._context(Operation.SCAN, dtype_code(array.dtype), array.size, function=function)
        plan = plans.scan(context, array, target.flat, Reduction(function, combine))
        self._run(Operation.SCAN, plan.peers, lambda: plan.run(context))
        target.settle()

    def Exscan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:  # noqa: N802
        """Fill recvbuf with the sendbufs of all ranks before this one combined; rank 0's stays as it is."""
        function, target, array, combine = _operands(sendbuf, recvbuf, op)
        context = self._context(Operation.EXSCAN, dtype_code(array.dtype), array.size, function=function)
        plan = plans.exscan(context, array, target.flat, Reduction(function, combine))
        self._run(Operation.EXSCAN, plan.peers, lambda: plan.run(context))
        if self.rank:
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
