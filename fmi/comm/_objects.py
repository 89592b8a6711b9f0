"""The lower-case operations without a type: Python objects of any length, see `fmi.protocol.objects`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

from fmi._datatypes import OBJECT, Value
from fmi._ops import fold, func
from fmi.collectives import objects as blobs
from fmi.collectives.context import Context
from fmi.comm._messages import Messages
from fmi.comm._requests import Request
from fmi.protocol.frames import Operation
from fmi.protocol.objects import decode, encode


class ObjectCalls(Messages):
    """Objects are copied as they are sent, so they may change at once; each receiver gets its own."""

    def isend(self, obj: object, dest: int) -> Request[None]:
        """Start sending an object. Raises TypeError if it is none that can be sent."""
        self._check_rank(dest, "dest")
        return Request(self, self._start(dest, OBJECT, 0, encode(obj)), lambda: None)

    def irecv(self, src: int) -> Request[Value]:
        """Start receiving an object; the request's `wait` returns it."""
        self._check_rank(src, "src")
        expected = self._expect(src, OBJECT, 0, None)
        return Request(self, expected, lambda: decode(expected.payload))

    def sendrecv(self, obj: object, dest: int, src: int) -> Value:
        """Send one object and receive another, at once; either rank may be this one itself."""
        self._check_rank(dest, "dest")
        self._check_rank(src, "src")
        blob = encode(obj)

        def action() -> memoryview:
            self._post_blob(blob, dest)
            return self._take_blob(src)

        return decode(self._run(Operation.SEND, {dest, src} - {self.rank}, action, "sendrecv"))

    def allgather(self, obj: object) -> list[Value]:
        """The list of all ranks' objects, in rank order, on every rank."""
        blob = encode(obj)
        context = self._context(Operation.ALLGATHER, OBJECT)
        everything = self._run(
            Operation.ALLGATHER, self._tree_peers(0), lambda: blobs.allgather(context, blob)
        )
        return [decode(each) for each in everything]

    def alltoall(self, objs: Sequence[object]) -> list[Value]:
        """Send object j of the list to rank j; the list of what all ranks sent this one, in rank order."""
        outgoing = self._one_each(objs)
        context = self._context(Operation.ALLTOALL, OBJECT)
        peers = blobs.exchange_peers(self.rank, self.world_size)
        received = self._run(Operation.ALLTOALL, peers, lambda: blobs.alltoall(context, outgoing))
        return [decode(each) for each in received]

    def _send_object(self, obj: object, dest: int) -> None:
        blob = encode(obj)
        self._run(Operation.SEND, [dest], lambda: self._post_blob(blob, dest))

    def _recv_object(self, src: int) -> Value:
        return decode(self._run(Operation.SEND, [src], lambda: self._take_blob(src), "recv"))

    def _bcast_object(self, obj: object, root: int) -> Value:
        mine = self.rank == root
        blob = encode(obj) if mine else memoryview(b"")
        context = self._context(Operation.BCAST, OBJECT, root=root)
        received = self._run(
            Operation.BCAST, self._tree_peers(root), lambda: blobs.bcast(context, blob, root)
        )
        return obj if mine else decode(received)

    def _gather_object(self, obj: object, root: int) -> list[Value] | None:
        blob = encode(obj)
        context = self._context(Operation.GATHER, OBJECT, root=root)
        everything = self._run(
            Operation.GATHER, self._tree_peers(root), lambda: blobs.gather(context, blob, root)
        )
        return None if everything is None else [decode(each) for each in everything]

    def _scatter_object(self, objs: object, root: int) -> Value:
        outgoing = self._one_each(objs) if self.rank == root else None
        context = self._context(Operation.SCATTER, OBJECT, root=root)
        action = functools.partial(blobs.scatter, context, outgoing, root)
        return decode(self._run(Operation.SCATTER, self._tree_peers(root), action))

    def _reduce_object(self, obj: object, root: int, function: func) -> Value:
        blob = encode(obj)
        context = self._context(Operation.REDUCE, OBJECT, root=root, function=function)
        if function.associative:
            action = functools.partial(_reduce_in_order, context, blob, root, function)
            ends = {0, root} if self.rank in {0, root} else set()
            peers = {*self._tree_peers(0), *ends} - {self.rank}
        else:
            action = functools.partial(_gather_and_fold, context, blob, root, function)
            peers = set(self._tree_peers(root))
        total = self._run(Operation.REDUCE, peers, action)
        return None if total is None else decode(total)

    def _allreduce_object(self, obj: object, function: func) -> Value:
        """Rank 0 has the last word, so that the result is the same everywhere whatever the function does."""
        blob = encode(obj)
        context = self._context(Operation.ALLREDUCE, OBJECT, function=function)

        def action() -> memoryview:
            if function.associative:
                total = blobs.reduce(context, blob, 0, _combiner(function))
            else:
                total = _gather_and_fold(context, blob, 0, function)
            return blobs.bcast(context, memoryview(b"") if total is None else total, 0)

        return decode(self._run(Operation.ALLREDUCE, self._tree_peers(0), action))

    def _scan_object(self, obj: object, function: func) -> Value:
        blob = encode(obj)
        context = self._context(Operation.SCAN, OBJECT, function=function)

        def action() -> memoryview:
            everything = blobs.gather(context, blob, 0)
            prefixes = None
            if everything is not None:
                objects = (decode(each) for each in everything)
                prefixes = [encode(each) for each in itertools.accumulate(objects, fold(function))]
            return blobs.scatter(context, prefixes, 0)

        return decode(self._run(Operation.SCAN, self._tree_peers(0), action))

    def _post_blob(self, blob: memoryview, dest: int) -> None:
        call = self._message_to(dest, OBJECT)
        if dest == self.rank:
            self._loopback.start(call, blob, 0)
        else:
            self._channel.post(dest, call, blob)

    def _take_blob(self, src: int) -> memoryview:
        call = self._message_from(src, OBJECT)
        if src != self.rank:
            return self._channel.take(src, call)[1]
        expected = self._loopback.expect(call, None)
        self._loopback.complete(expected)
        return expected.payload

    def _one_each(self, objs: object) -> list[memoryview]:
        if not isinstance(objs, list | tuple):
            raise TypeError(f"the objects are a list with one for each rank, not {type(objs).__name__}")
        if len(objs) != self.world_size:
            raise ValueError(f"there are {len(objs)} objects for {self.world_size} ranks")
        return [encode(each) for each in objs]

    def _tree_peers(self, root: int) -> Sequence[int]:
        return blobs.tree_peers(self.rank, self.world_size, root)


def _combiner(function: func) -> Callable[[memoryview, memoryview], memoryview]:
    """The reduction's step over objects as they are sent."""
    step = fold(function)

    def combine(left: memoryview, right: memoryview) -> memoryview:
        return encode(step(decode(left), decode(right)))

    return combine


def _gather_and_fold(context: Context, blob: memoryview, root: int, function: func) -> memoryview | None:
    """Strictly left to right, on the root."""
    everything = blobs.gather(context, blob, root)
    return None if everything is None else functools.reduce(_combiner(function), everything)


def _reduce_in_order(context: Context, blob: memoryview, root: int, function: func) -> memoryview | None:
    """Along the tree that keeps rank order; its root is rank 0, which passes the result on.

    Of objects the sum need not commute, as that of lists does not.
    """
    total = blobs.reduce(context, blob, 0, _combiner(function))
    if root == 0:
        return total
    if total is not None:
        context.send_blob(root, total)
        context.flush()
    return context.receive_blob(0) if context.rank == root else None
