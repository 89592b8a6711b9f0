"""The lower-case operations without a type: Python objects of any length, see `fmi.protocol.objects`.

`Communicator` documents them. Objects are copied as they are sent, so they may change at once; each receiver
gets its own.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fmi._datatypes import OBJECT, Value
from fmi._ops import fold, func
from fmi.collectives import objects as blobs
from fmi.collectives.context import Context
from fmi.comm._messages import expect, message_from, message_to, start
from fmi.comm._requests import Request
from fmi.comm._session import Session, whole
from fmi.protocol.frames import Operation
from fmi.protocol.objects import decode, encode


class Part(NamedTuple):
    """A rank's place in one of the parts of a communicator that was split."""

    rank: int
    size: int
    name: str


def isend(session: Session, obj: object, dest: int) -> Request[None]:
    """Start sending an object."""
    session.check_rank(dest, "dest")
    return Request(session, start(session, dest, OBJECT, 0, encode(obj)), lambda: None)


def irecv(session: Session, src: int) -> Request[Value]:
    """Start receiving an object; the request's `wait` returns it."""
    session.check_rank(src, "src")
    expected = expect(session, src, OBJECT, 0, None)
    return Request(session, expected, lambda: decode(expected.payload))


def sendrecv(session: Session, obj: object, dest: int, src: int) -> Value:
    """Send one object and receive another, at once."""
    session.check_rank(dest, "dest")
    session.check_rank(src, "src")
    blob = encode(obj)

    def action() -> memoryview:
        _post_blob(session, blob, dest)
        return _take_blob(session, src)

    return decode(session.run(Operation.SEND, {dest, src} - {session.rank}, action, "sendrecv"))


def allgather(session: Session, obj: object) -> list[Value]:
    """The list of all ranks' objects, on every rank."""
    blob = encode(obj)
    context = session.context(Operation.ALLGATHER, OBJECT)
    everything = session.run(
        Operation.ALLGATHER, _tree_peers(session, 0), lambda: blobs.allgather(context, blob)
    )
    return [decode(each) for each in everything]


def alltoall(session: Session, objs: Sequence[object]) -> list[Value]:
    """Send object j of the list to rank j; the list of what all ranks sent this one."""
    outgoing = _one_each(session, objs)
    context = session.context(Operation.ALLTOALL, OBJECT)
    peers = blobs.exchange_peers(session.rank, session.world_size)
    received = session.run(Operation.ALLTOALL, peers, lambda: blobs.alltoall(context, outgoing))
    return [decode(each) for each in received]


def send(session: Session, obj: object, dest: int) -> None:
    """Send an object to one rank."""
    session.check_peer(dest, "dest")
    blob = encode(obj)
    session.run(Operation.SEND, [dest], lambda: _post_blob(session, blob, dest))


def recv(session: Session, src: int) -> Value:
    """Receive what that rank sends."""
    session.check_peer(src, "src")
    return decode(session.run(Operation.SEND, [src], lambda: _take_blob(session, src), "recv"))


def bcast(session: Session, obj: object, root: int) -> Value:
    """The root's object, on every rank."""
    session.check_rank(root, "root")
    mine = session.rank == root
    blob = encode(obj) if mine else memoryview(b"")
    context = session.context(Operation.BCAST, OBJECT, root=root)
    received = session.run(
        Operation.BCAST, _tree_peers(session, root), lambda: blobs.bcast(context, blob, root)
    )
    return obj if mine else decode(received)


def gather(session: Session, obj: object, root: int) -> list[Value] | None:
    """All ranks' objects on the root; None elsewhere."""
    session.check_rank(root, "root")
    blob = encode(obj)
    context = session.context(Operation.GATHER, OBJECT, root=root)
    everything = session.run(
        Operation.GATHER, _tree_peers(session, root), lambda: blobs.gather(context, blob, root)
    )
    return None if everything is None else [decode(each) for each in everything]


def scatter(session: Session, objs: object, root: int) -> Value:
    """This rank's object of the root's list."""
    session.check_rank(root, "root")
    outgoing = _one_each(session, objs) if session.rank == root else None
    context = session.context(Operation.SCATTER, OBJECT, root=root)
    action = functools.partial(blobs.scatter, context, outgoing, root)
    return decode(session.run(Operation.SCATTER, _tree_peers(session, root), action))


def reduce(session: Session, obj: object, root: int, function: func) -> Value:
    """All ranks' objects combined, on the root; None elsewhere."""
    session.check_rank(root, "root")
    blob = encode(obj)
    context = session.context(Operation.REDUCE, OBJECT, root=root, function=function)
    if function.associative:
        action = functools.partial(_reduce_in_order, context, blob, root, function)
        ends = {0, root} if session.rank in {0, root} else set()
        peers = {*_tree_peers(session, 0), *ends} - {session.rank}
    else:
        action = functools.partial(_gather_and_fold, context, blob, root, function)
        peers = set(_tree_peers(session, root))
    total = session.run(Operation.REDUCE, peers, action)
    return None if total is None else decode(total)


def allreduce(session: Session, obj: object, function: func) -> Value:
    """Rank 0 has the last word, so that the result is the same everywhere whatever the function does."""
    blob = encode(obj)
    context = session.context(Operation.ALLREDUCE, OBJECT, function=function)

    def action() -> memoryview:
        if function.associative:
            total = blobs.reduce(context, blob, 0, _combiner(function))
        else:
            total = _gather_and_fold(context, blob, 0, function)
        return blobs.bcast(context, memoryview(b"") if total is None else total, 0)

    return decode(session.run(Operation.ALLREDUCE, _tree_peers(session, 0), action))


def scan(session: Session, obj: object, function: func) -> Value:
    """The objects of rank 0 to this rank combined, in rank order."""
    blob = encode(obj)
    context = session.context(Operation.SCAN, OBJECT, function=function)

    def action() -> memoryview:
        everything = blobs.gather(context, blob, 0)
        prefixes = None
        if everything is not None:
            objects = (decode(each) for each in everything)
            prefixes = [encode(each) for each in itertools.accumulate(objects, fold(function))]
        return blobs.scatter(context, prefixes, 0)

    return decode(session.run(Operation.SCAN, _tree_peers(session, 0), action))


def split(session: Session, color: int | None, key: int) -> Part | None:
    """This rank's place among the ranks of its color; None for the color None."""
    mine = (None if color is None else whole(color, "color"), whole(key, "key"), session.rank)
    context = session.context(Operation.SPLIT, OBJECT)
    packed = session.run(
        Operation.SPLIT, _tree_peers(session, 0), lambda: blobs.allgather(context, encode(mine))
    )
    name = f"{session.name} / family {session.splits}, color {color}"
    session.splits += 1
    if color is None:
        return None
    everyone = [decode(each) for each in packed]
    family = [rank for theirs, _, rank in sorted(each for each in everyone if each[0] == mine[0])]
    return Part(family.index(session.rank), len(family), name)


def _post_blob(session: Session, blob: memoryview, dest: int) -> None:
    call = message_to(session, dest, OBJECT)
    if dest == session.rank:
        session.loopback.start(call, blob, 0)
    else:
        session.channel.post(dest, call, blob)


def _take_blob(session: Session, src: int) -> memoryview:
    call = message_from(session, src, OBJECT)
    if src != session.rank:
        return session.channel.take(src, call)[1]
    expected = session.loopback.expect(call, None)
    session.loopback.complete(expected)
    return expected.payload


def _one_each(session: Session, objs: object) -> list[memoryview]:
    if not isinstance(objs, list | tuple):
        raise TypeError(f"the objects are a list with one for each rank, not {type(objs).__name__}")
    if len(objs) != session.world_size:
        raise ValueError(f"there are {len(objs)} objects for {session.world_size} ranks")
    return [encode(each) for each in objs]


def _tree_peers(session: Session, root: int) -> Sequence[int]:
    return blobs.tree_peers(session.rank, session.world_size, root)


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
