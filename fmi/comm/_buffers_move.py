"""Arrays that move: between two ranks, and in collective operations that combine nothing.

`Communicator` documents them; see `fmi.comm._arrays` for what is taken as an array. Raises TypeError or
ValueError for wrong arguments before anything is sent.
"""

from __future__ import annotations

import numpy as np

from fmi._datatypes import Array, Form, dtype_code
from fmi.channels.direct.persistent import persistent_receive, persistent_send, persistent_steps
from fmi.collectives import plans
from fmi.collectives.context import as_bytes, equal_blocks
from fmi.collectives.plans import nothing
from fmi.comm._arrays import (
    IN_PLACE,
    Buffer,
    Counts,
    Incoming,
    InPlace,
    apart,
    bounds,
    check_counts,
    of_size,
    outgoing,
    same_type,
)
from fmi.comm._messages import expect, message_from, message_to, start
from fmi.comm._requests import Collective, Request
from fmi.comm._session import Session
from fmi.protocol.frames import Call, Operation


def barrier(session: Session) -> None:
    """Wait until every rank is here."""
    known = session.persistent.kinds.get(Operation.BARRIER)
    if known is not None:
        session.replay(known, session.calls, 0)
        return
    planned = plan_barrier(session)
    call, steps = planned.context.call, planned.plan.schedule.steps
    planned.run()
    session.persistent.remember(
        Operation.BARRIER, 0, lambda channel: persistent_steps(channel, call, None, steps, None)
    )


def send(session: Session, buf: Buffer, dest: int) -> None:
    """Send an array."""
    if type(buf) is np.ndarray and type(dest) is int:
        known = session.persistent.kinds.get(("to", dest, buf.dtype, buf.shape))
        if known is not None:
            session.replay(known, session.sent_to, dest, buf)
            return
    session.check_peer(dest, "dest")
    array = outgoing(buf, "buf")
    session.run(Operation.SEND, [dest], lambda: _post(session, array, dest))
    if type(buf) is np.ndarray and array.size:
        kind, call = ("to", dest, buf.dtype, buf.shape), _call(array)
        session.persistent.remember(
            kind, array.nbytes, lambda channel: persistent_send(channel, call, buf.shape, dest, Form.ARRAY)
        )


def recv(session: Session, buf: Buffer, source: int) -> None:
    """Fill an array with what that rank sends."""
    if type(buf) is np.ndarray and type(source) is int and buf.flags.writeable:
        known = session.persistent.kinds.get(("from", source, buf.dtype, buf.shape))
        if known is not None:
            session.replay(known, session.received_from, source, None, buf)
            return
    session.check_peer(source, "source")
    target = Incoming(buf, "buf")
    session.run(Operation.SEND, [source], lambda: _receive_into(session, target.flat, source), "recv")
    target.settle()
    if type(buf) is np.ndarray and target.flat.size:
        kind, call = ("from", source, buf.dtype, buf.shape), _call(target.flat)
        session.persistent.remember(
            kind, buf.nbytes, lambda channel: persistent_receive(channel, call, buf.shape, source)
        )


def sendrecv(session: Session, sendbuf: Buffer, dest: int, recvbuf: Buffer, source: int) -> None:
    """Send an array and fill another one, at once."""
    session.check_rank(dest, "dest")
    session.check_rank(source, "source")
    array, target = outgoing(sendbuf, "sendbuf"), Incoming(recvbuf, "recvbuf")
    array = apart(array, target.flat)

    def action() -> None:
        _post(session, array, dest)
        _receive_into(session, target.flat, source)

    peers = {dest, source} - {session.rank}
    session.run(Operation.SEND, peers, action, "sendrecv")
    target.settle()


def isend(session: Session, buf: Buffer, dest: int) -> Request[None]:
    """Start sending an array."""
    session.check_rank(dest, "dest")
    array = outgoing(buf, "buf")
    code = dtype_code(array.dtype)
    transfer = start(session, dest, code, array.size, as_bytes(array), form=Form.ARRAY)
    return Request(session, transfer, lambda: None)


def irecv(session: Session, buf: Buffer, source: int) -> Request[None]:
    """Start filling an array."""
    session.check_rank(source, "source")
    target = Incoming(buf, "buf")
    code = dtype_code(target.flat.dtype)
    transfer = expect(session, source, code, target.flat.size, as_bytes(target.flat))
    return Request(session, transfer, target.settle)


def _post(session: Session, array: Array, dest: int) -> None:
    call = message_to(session, dest, dtype_code(array.dtype), array.size)
    if dest == session.rank:
        session.loopback.start(call, as_bytes(array), Form.ARRAY)
    else:
        session.channel.post(dest, call, as_bytes(array), Form.ARRAY)


def _receive_into(session: Session, array: Array, source: int) -> None:
    call = message_from(session, source, dtype_code(array.dtype), array.size)
    if source == session.rank:
        session.loopback.complete(session.loopback.expect(call, as_bytes(array)))
    else:
        session.channel.receive(source, call, as_bytes(array))


def _call(array: Array) -> Call:
    """The call of a message with such an array, with number 0."""
    return Call(Operation.SEND, 0, dtype_code(array.dtype), array.size)


def plan_barrier(session: Session) -> Collective:
    """A barrier."""
    context = session.context(Operation.BARRIER)
    return Collective(session, context, plans.barrier(context), nothing)


def bcast(session: Session, buf: Buffer, root: int) -> Collective:
    """Fill every rank's array with the root's."""
    session.check_rank(root, "root")
    target = None if session.rank == root else Incoming(buf, "buf")
    array = outgoing(buf, "buf") if target is None else target.flat
    context = session.context(Operation.BCAST, dtype_code(array.dtype), array.size, root=root)
    plan = plans.bcast(context, array, root)
    return Collective(session, context, plan, target.settle if target else nothing)


def gather(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer | None, root: int) -> Collective:
    """Fill the root's recvbuf with all ranks' sendbufs."""
    session.check_rank(root, "root")
    target = _target_at(session, root, recvbuf)
    array = outgoing(sendbuf, "sendbuf") if target is None else _own_block(session, sendbuf, target)
    whole = target.flat if target else None
    context = session.context(Operation.GATHER, dtype_code(array.dtype), array.size, root=root)
    plan = plans.gather(context, array, whole, root)
    return Collective(session, context, plan, target.settle if target else nothing)


def gatherv(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer | None,
    counts: Counts | None,
    *,
    root: int,
    displs: Counts | None,
) -> Collective:
    """As `gather`, with blocks of unlike sizes."""
    session.check_rank(root, "root")
    target = _target_at(session, root, recvbuf)
    places = bounds(target.load(), counts, displs, session.world_size, "recvbuf") if target else None
    block = target.flat[slice(*places[root])] if target and places else None
    own = block if block is not None and sendbuf is IN_PLACE else outgoing(sendbuf, "sendbuf")
    if target and block is not None:
        same_type(own, target.flat)
        own = of_size(apart(own, target.flat), block.size, "sendbuf")
    elif counts is not None:
        of_size(own, check_counts(counts, session.world_size)[session.rank], "sendbuf")
    context = session.context(Operation.GATHERV, dtype_code(own.dtype), root=root)
    plan = plans.gatherv(context, own, target.flat if target else None, places, root)
    return Collective(session, context, plan, target.settle if target else nothing)


def scatter(session: Session, sendbuf: Buffer | None, recvbuf: Buffer | InPlace, root: int = 0) -> Collective:
    """Fill every rank's recvbuf with its block of the root's sendbuf."""
    session.check_rank(root, "root")
    whole = outgoing(sendbuf, "sendbuf") if session.rank == root else None
    if whole is not None and recvbuf is IN_PLACE:
        target, block = None, _block_of(session, whole, "sendbuf").copy()
    else:
        target = Incoming(recvbuf, "recvbuf")
        block = target.flat
    if whole is not None:
        same_type(whole, block)
        of_size(whole, block.size * session.world_size, "sendbuf")
        whole = apart(whole, block)
    elements = block.size * session.world_size
    context = session.context(Operation.SCATTER, dtype_code(block.dtype), elements, root=root)
    plan = plans.scatter(context, whole, block, root)
    return Collective(session, context, plan, target.settle if target else nothing)


def scatterv(
    session: Session,
    sendbuf: Buffer | None,
    recvbuf: Buffer | InPlace,
    counts: Counts | None,
    *,
    root: int,
    displs: Counts | None,
) -> Collective:
    """As `scatter`, with blocks of unlike sizes."""
    session.check_rank(root, "root")
    whole = outgoing(sendbuf, "sendbuf") if session.rank == root else None
    places = None if whole is None else bounds(whole, counts, displs, session.world_size, "sendbuf")
    own = None if whole is None or places is None else whole[slice(*places[root])]
    if own is not None and recvbuf is IN_PLACE:
        target, block = None, own.copy()
    else:
        target = Incoming(recvbuf, "recvbuf")
        block = target.flat
    if whole is not None and own is not None:
        same_type(whole, block)
        of_size(block, own.size, "recvbuf")
        whole = apart(whole, block)
    elif counts is not None:
        of_size(block, check_counts(counts, session.world_size)[session.rank], "recvbuf")
    context = session.context(Operation.SCATTERV, dtype_code(block.dtype), root=root)
    plan = plans.scatterv(context, whole, block, places, root)
    return Collective(session, context, plan, target.settle if target else nothing)


def allgather(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> Collective:
    """Fill every rank's recvbuf with all ranks' sendbufs."""
    target = Incoming(recvbuf, "recvbuf")
    block = _own_block(session, sendbuf, target)
    _block_of(session, target.flat, "recvbuf")
    context = session.context(Operation.ALLGATHER, dtype_code(block.dtype), block.size)
    plan = plans.allgather(context, block, target.flat)
    return Collective(session, context, plan, target.settle)


def allgatherv(
    session: Session,
    sendbuf: Buffer | InPlace,
    recvbuf: Buffer,
    counts: Counts | None,
    displs: Counts | None,
) -> Collective:
    """As `allgather`, with blocks of unlike sizes."""
    target = Incoming(recvbuf, "recvbuf")
    places = bounds(target.load(), counts, displs, session.world_size, "recvbuf")
    own = target.flat[slice(*places[session.rank])]
    if sendbuf is not IN_PLACE:
        array = outgoing(sendbuf, "sendbuf")
        same_type(array, target.flat)
        own = apart(of_size(array, own.size, "sendbuf"), target.flat)
    total = sum(end - start for start, end in places)
    context = session.context(Operation.ALLGATHERV, dtype_code(target.flat.dtype), total)
    plan = plans.allgatherv(context, own, target.flat, places)
    return Collective(session, context, plan, target.settle)


def alltoall(session: Session, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> Collective:
    """Send block j of sendbuf to rank j, and fill block i of recvbuf with what rank i sends."""
    target = Incoming(recvbuf, "recvbuf")
    array = target.load().copy() if sendbuf is IN_PLACE else outgoing(sendbuf, "sendbuf")
    same_type(array, target.flat)
    of_size(array, target.flat.size, "sendbuf")
    _block_of(session, array, "sendbuf")
    array = apart(array, target.flat)
    context = session.context(Operation.ALLTOALL, dtype_code(array.dtype), array.size)
    plan = plans.alltoall(context, array, target.flat)
    return Collective(session, context, plan, target.settle)


def _target_at(session: Session, root: int, recvbuf: Buffer | None) -> Incoming | None:
    """The recvbuf on the root, which needs one; None elsewhere."""
    return Incoming(recvbuf, "recvbuf") if session.rank == root else None


def _own_block(session: Session, sendbuf: Buffer | InPlace, target: Incoming) -> Array:
    """This rank's block of what all ranks get."""
    if sendbuf is IN_PLACE:
        return _block_of(session, target.load(), "recvbuf")
    array = outgoing(sendbuf, "sendbuf")
    same_type(array, target.flat)
    of_size(target.flat, array.size * session.world_size, "recvbuf")
    return apart(array, target.flat)


def _block_of(session: Session, whole: Array, name: str) -> Array:
    if whole.size % session.world_size:
        raise ValueError(
            f"{name} has {whole.size} elements, which {session.world_size} ranks cannot share evenly"
        )
    return equal_blocks(whole, session.world_size)[session.rank]
