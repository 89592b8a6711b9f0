"""The communicator: one rank's view of a world, and its operations.

What the operations do is in the modules beside this one, by kind of payload: `_typed` for calls with a type,
`_objects` for those without, `_buffers_move` and `_buffers_reduce` for the upper-case ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, overload

from fmi._datatypes import Value, types
from fmi._ops import SUM, as_func, func, op
from fmi.channels.base import hints
from fmi.channels.policy import ChannelPolicy, Explanation
from fmi.comm import _buffers_move, _buffers_reduce, _objects, _typed
from fmi.comm._arrays import Buffer, Counts, InPlace
from fmi.comm._requests import PersistentRequest, Request
from fmi.comm._session import Session, whole
from fmi.config import Config, Source, resolve
from fmi.protocol.frames import Operation


class Communicator:
    """The ranks of one world, as one of them sees it.

    Every rank calls the same collective operations in the same order with the same type, size, root and
    function; a rank that does not raises MismatchError on all. Connections are made when an operation first
    needs them. Only one thread at a time may use it. An error in the middle of an operation closes the
    communicator: the other ranks are told, and every later call raises that error again. In a `with` block it
    is closed at the end, or aborted if an error leaves the block.

    Lower-case operations take a type and do what the original FMI does (`fmi.types(fmi.datatypes.int)`), or
    no type and take Python objects of any length (see `fmi.protocol.objects`). Objects are copied as they are
    sent, so they may change at once, and each receiver gets its own.

    Upper-case operations fill arrays, after mpi4py's convention: NumPy arrays, whatever has the buffer or the
    array protocol, and PyTorch tensors on the CPU, of numbers. Elements go in C order, however they lie in
    memory. Both sides use the same element type and number of elements, whatever the shapes. `fmi.IN_PLACE`
    for a buffer says that the data is in the other one already.

    Between two ranks messages arrive in the order in which they were sent; there are no tags.

    Args:
        peer_id: this rank, 0 to num_peers - 1.
        num_peers: size of the world.
        config: path of an fmi.json (`fmi.config_file` says where it may be), over which the environment wins,
            or a dict of that shape (see `fmi.config`); None takes the default and the environment.
        comm_name: name of the communicator; worlds that run at the same time with one secret need different
            ones.
        faas_memory: memory of the function in MiB, for the price model.

    Attributes:
        rank: this rank.
        world_size: number of ranks.
        name: the communicator's name.
        faas_memory: see above.

    Raises:
        ConfigError, ValueError, TypeError: of the constructor, before anything is sent.

    Every operation raises:
        - TypeError, ValueError: the arguments are wrong; nothing was sent, and the communicator can be used.
        - PeerFailure: a rank failed, ended or cannot be reached.
        - MismatchError: ranks make different calls.
        - Timeout: nothing came from a rank for as long as the configuration allows.
        - CommunicatorClosed: the communicator was closed before, or belongs to the process that forked this
          one.
        - FMIError: another operation of this communicator is under way in another thread.
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
        settings = dataclasses.replace(settings, faas_memory=self.faas_memory)
        self._session = Session(peer_id, num_peers, settings, comm_name)
        self.rank, self.world_size = self._session.rank, self._session.world_size
        self.name = comm_name

    def __repr__(self) -> str:
        return f"<fmi.Communicator {self.name!r} rank {self.rank} of {self.world_size}>"

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self.world_size

    def Get_rank(self) -> int:
        """This rank."""
        return self.rank

    def Get_size(self) -> int:
        """Number of ranks."""
        return self.world_size

    # Its life

    def close(self) -> None:
        """Let what was sent arrive, say goodbye and close the connections. Does nothing the second time."""
        self._session.close()

    def abort(self, reason: str) -> None:
        """Give up: every rank that waits for this one, or will, gets PeerFailure with the reason. Closes."""
        self._session.abort(reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close_after(error)

    def stats(self) -> dict[str, Any]:
        """What was done so far.

        Returns:
            {"setup_seconds": time spent connecting, waiting for late peers included, "bytes_sent",
            "bytes_received": headers included, "operations": {name: {"calls", "bytes" (sent and received),
            "seconds"}}}
        """
        return self._session.stats()

    # Other communicators

    @overload
    def split(self, color: int, key: int = 0) -> Communicator: ...
    @overload
    def split(self, color: None, key: int = 0) -> None: ...
    @overload
    def split(self, color: int | None, key: int = 0) -> Communicator | None: ...
    def split(self, color: int | None, key: int = 0) -> Communicator | None:
        """A communicator for each color; all ranks call this together.

        It has its own connections, made when they are needed. An error in one of the two does not affect the
        other. Close both.

        Args:
            color: ranks with the same color are in the same communicator; with None in none.
            key: ranks are ordered by this, and by their rank here where it is equal.

        Returns:
            The new communicator, or None for the color None.
        """
        part = _objects.split(self._session, color, key)
        if part is None:
            return None
        child = Communicator(part.rank, part.size, self._session.config, part.name, self.faas_memory)
        child.hint(self._hint)
        return child

    def dup(self) -> Communicator:
        """A communicator of the same ranks with its own messages; all ranks call this together."""
        return self.split(0, self.rank)

    # The choice of channels

    def hint(self, hint: hints) -> None:
        """Prefer speed or price where there is a choice of channels; every rank does so at the same point.

        Args:
            hint: `fmi.hints.fast` or `fmi.hints.cheap`.
        """
        if not isinstance(hint, hints):
            raise TypeError(f"a hint is fmi.hints.fast or fmi.hints.cheap, not {hint!r}")
        self._hint = hint
        self._session.channel.prefer(hint)

    def explain(self, operation: str, nbytes: int | None) -> Explanation:
        """The model's table of channels for one call: time, price, and the channel it would use.

        Args:
            operation: its lower-case name, such as "allreduce".
            nbytes: size of what one rank passes (everything for scatter and alltoall); None for objects, of
                which not every rank knows the size.

        Returns:
            An `Explanation`; print it.

        Raises:
            ValueError: there is no such operation, or the size is negative.
        """
        known = _operation(operation)
        if nbytes is not None and whole(nbytes, "nbytes") < 0:
            raise ValueError(f"nbytes is not negative, but {nbytes} is")
        config = self._session.config
        policy = ChannelPolicy(config.channels, config.model, self.world_size, self.faas_memory)
        policy.hint = self._hint
        return policy.explain(known, nbytes)

    # Messages between two ranks: values of a type, or objects

    def send(self, obj: object, dest: int, type: types | None = None) -> None:
        """Send to one rank, which calls `recv` with the same type; return when the data may change.

        Args:
            obj: a number, list or array of the type, or without one an object.
            dest: another rank.
            type: an `fmi.types`, or None.

        Raises:
            TypeError: the data is not of the type, or, without one, none that can be sent.
            ValueError: not as many values as the type says, or `dest` is no other rank.
        """
        if type is None:
            _objects.send(self._session, obj, dest)
        else:
            _typed.send(self._session, obj, dest, type)

    def recv(self, src: int, type: types | None = None) -> Value:
        """Receive the next message of one rank, which calls `send` with the same type.

        Args:
            src: another rank.
            type: an `fmi.types`, or None.

        Returns:
            What was sent: a number, a list, or an array if an array was passed; without a type the object.
        """
        if type is None:
            return _objects.recv(self._session, src)
        return _typed.recv(self._session, src, type)

    def sendrecv(self, obj: object, dest: int, src: int) -> Value:
        """Send one object and receive another, at once; either rank may be this one itself.

        Args:
            obj: what goes to `dest`.
            dest, src: ranks.

        Returns:
            The object that `src` sent.
        """
        return _objects.sendrecv(self._session, obj, dest, src)

    def isend(self, obj: object, dest: int) -> Request[None]:
        """Start sending an object, which may change at once.

        Args:
            obj: any object that can be sent.
            dest: a rank; it may be this one itself.

        Returns:
            A request, whose `wait` returns None.
        """
        return _objects.isend(self._session, obj, dest)

    def irecv(self, src: int) -> Request[Value]:
        """Start receiving an object.

        Args:
            src: a rank; it may be this one itself.

        Returns:
            A request, whose `wait` returns the object.
        """
        return _objects.irecv(self._session, src)

    # Collective operations on values of a type, or on objects

    def barrier(self) -> None:
        """Wait until every rank is here."""
        _buffers_move.barrier(self._session)

    Barrier = barrier

    def bcast(self, obj: object, root: int = 0, type: types | None = None) -> Value:
        """The root's value, on every rank.

        Args:
            obj: the root's value; ignored elsewhere.
            root: the rank whose value it is.
            type: an `fmi.types`, or None for objects.
        """
        if type is None:
            return _objects.bcast(self._session, obj, root)
        return _typed.bcast(self._session, obj, root, type)

    def gather(self, obj: object, root: int = 0, type: types | None = None) -> Value:
        """All ranks' values, in rank order, on the root.

        Args:
            obj: this rank's value.
            root: the rank that gets them.
            type: an `fmi.types`, or None for objects.

        Returns:
            None, except on the root: with a type one flat list of world size times its length (an array, if
            the root passed one), without one the list of the ranks' objects.
        """
        if type is None:
            return _objects.gather(self._session, obj, root)
        return _typed.gather(self._session, obj, root, type)

    def scatter(self, obj: object, root: int = 0, type: types | None = None) -> Value:
        """This rank's part of the root's list.

        Args:
            obj: the root's list; ignored elsewhere. With a type every rank gets an equal block of it, without
                one it has one object for each rank.
            root: the rank whose list it is.
            type: an `fmi.types` of a list kind, whose length is the whole list's and a multiple of the world
                size, or None for objects.

        Returns:
            With a type a list, even if it has one value (an array, if the root passed one), without one an
            object.
        """
        if type is None:
            return _objects.scatter(self._session, obj, root)
        return _typed.scatter(self._session, obj, root, type)

    def allgather(self, obj: object) -> list[Value]:
        """The list of all ranks' objects, in rank order, on every rank.

        Args:
            obj: this rank's object.
        """
        return _objects.allgather(self._session, obj)

    def alltoall(self, objs: Sequence[object]) -> list[Value]:
        """Send an object to each rank, and get one from each.

        Args:
            objs: a list or tuple of world size; object j goes to rank j.

        Returns:
            What the ranks sent to this one, in rank order.
        """
        return _objects.alltoall(self._session, objs)

    def reduce(self, obj: object, root: int, func: func | op, type: types | None = None) -> Value:
        """All ranks' values combined, on the root; None elsewhere.

        Args:
            obj: this rank's value. Lists and arrays of a type are combined element by element.
            root: the rank that gets the result.
            func: an `fmi.func`, or an `fmi.op`. Calls with a type pass a function of your own two numbers,
                those without two objects.
            type: an `fmi.types`, or None for objects.

        Returns:
            On the root a value like the one it passed.
        """
        if type is None:
            return _objects.reduce(self._session, obj, root, as_func(func))
        return _typed.reduce(self._session, obj, root, func, type)

    def allreduce(self, obj: object, func: func | op, type: types | None = None) -> Value:
        """All ranks' values combined, on every rank, with the same bits; see `reduce`."""
        if type is None:
            return _objects.allreduce(self._session, obj, as_func(func))
        return _typed.allreduce(self._session, obj, func, type)

    def scan(self, obj: object, func: func | op, type: types | None = None) -> Value:
        """The values of rank 0 to this rank (inclusive) combined, in rank order; see `reduce`."""
        if type is None:
            return _objects.scan(self._session, obj, as_func(func))
        return _typed.scan(self._session, obj, func, type)

    # Messages between two ranks: arrays

    def Send(self, buf: Buffer, dest: int) -> None:
        """Send an array; return when it may change.

        Args:
            buf: an array; one that is not contiguous is sent from a copy.
            dest: another rank.
        """
        _buffers_move.send(self._session, buf, dest)

    def Recv(self, buf: Buffer, source: int) -> None:
        """Fill an array with the next message of one rank.

        Args:
            buf: a writable array of the message's element type and size.
            source: another rank.
        """
        _buffers_move.recv(self._session, buf, source)

    def Sendrecv(self, sendbuf: Buffer, dest: int, recvbuf: Buffer, source: int) -> None:
        """Send an array and fill another one, at once; either rank may be this one itself.

        Args:
            sendbuf: what goes to `dest`.
            dest, source: ranks.
            recvbuf: is filled with what comes from `source`; it may share memory with sendbuf.
        """
        _buffers_move.sendrecv(self._session, sendbuf, dest, recvbuf, source)

    def Isend(self, buf: Buffer, dest: int) -> Request[None]:
        """Start sending an array, which must not change until the request is done.

        Args:
            buf: an array.
            dest: a rank; it may be this one itself.
        """
        return _buffers_move.isend(self._session, buf, dest)

    def Irecv(self, buf: Buffer, source: int) -> Request[None]:
        """Start filling an array, which must not be read until the request is done.

        Args:
            buf: a writable array. One that is not contiguous is filled when `wait`, `test` or `waitany` says
                that it is done.
            source: a rank; it may be this one itself.
        """
        return _buffers_move.irecv(self._session, buf, source)

    # Collective operations that move arrays

    def Bcast(self, buf: Buffer, root: int = 0) -> None:
        """Fill every rank's array with the root's.

        Args:
            buf: what is sent on the root, and filled elsewhere.
            root: the rank whose array it is.
        """
        _buffers_move.bcast(self._session, buf, root).run()

    def Gather(self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, root: int = 0) -> None:
        """Fill the root's recvbuf with all ranks' sendbufs, in rank order.

        Args:
            sendbuf: n elements, as many on every rank; IN_PLACE on the root: its block is in recvbuf already.
            recvbuf: world size times n elements on the root; ignored elsewhere.
            root: the rank that gets them.
        """
        _buffers_move.gather(self._session, sendbuf, recvbuf, root).run()

    def Gatherv(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> None:
        """As Gather, with blocks of unlike sizes.

        Args:
            sendbuf: `counts[rank]` elements; IN_PLACE on the root: its block is in recvbuf already.
            recvbuf: holds all blocks on the root; ignored elsewhere.
            counts: every block's number of elements; None for blocks as even as possible (the first ranks
                have one element more). Only the root has to know it.
            root: the rank that gets them.
            displs: where in recvbuf every block begins; None for side by side. Only the root has to know it.

        Raises:
            ValueError: the blocks overlap, or do not fit into recvbuf.
        """
        _buffers_move.gatherv(self._session, sendbuf, recvbuf, counts, root=root, displs=displs).run()

    def Scatter(self, sendbuf: Buffer | None, recvbuf: Buffer | InPlace, root: int = 0) -> None:
        """Fill every rank's recvbuf with its block of the root's sendbuf, in rank order.

        Args:
            sendbuf: world size times n elements on the root; ignored elsewhere.
            recvbuf: n elements, as many on every rank; IN_PLACE on the root: its block stays where it is.
            root: the rank whose array it is.
        """
        _buffers_move.scatter(self._session, sendbuf, recvbuf, root).run()

    def Scatterv(
        self,
        sendbuf: Buffer | None,
        recvbuf: Buffer | InPlace,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> None:
        """As Scatter, with blocks of `counts[rank]` elements from `displs[rank]` on; see Gatherv."""
        _buffers_move.scatterv(self._session, sendbuf, recvbuf, counts, root=root, displs=displs).run()

    def Allgather(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> None:
        """Fill every rank's recvbuf with all ranks' sendbufs, in rank order.

        Args:
            sendbuf: n elements, as many on every rank; IN_PLACE: this rank's block is in recvbuf already.
            recvbuf: world size times n elements.
        """
        _buffers_move.allgather(self._session, sendbuf, recvbuf).run()

    def Allgatherv(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        counts: Counts | None = None,
        displs: Counts | None = None,
    ) -> None:
        """As Allgather, with blocks of `counts[rank]` elements, which go to `displs[rank]`; see Gatherv.

        Every rank has to pass the same counts.
        """
        _buffers_move.allgatherv(self._session, sendbuf, recvbuf, counts, displs).run()

    def Alltoall(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> None:
        """Send block j of sendbuf to rank j, and fill block i of recvbuf with what rank i sends to this one.

        Args:
            sendbuf: world size times n elements; IN_PLACE: they are in recvbuf, and are replaced there.
            recvbuf: as many.
        """
        _buffers_move.alltoall(self._session, sendbuf, recvbuf).run()

    # Collective operations that combine arrays, element by element.

    def Reduce(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        op: func | op = SUM,
        root: int = 0,
    ) -> None:
        """Fill the root's recvbuf with all ranks' sendbufs combined.

        Args:
            sendbuf: this rank's operand, with as many elements on every rank; IN_PLACE on the root: it is in
                recvbuf already.
            recvbuf: as many elements on the root; ignored elsewhere.
            op: one of `fmi.SUM` and its siblings, an `fmi.op`, or an `fmi.func` of your own, which gets two
                read-only arrays of the buffer's shape and returns one.
            root: the rank that gets the result.

        Raises:
            TypeError: the function does not work on such elements.
        """
        _buffers_reduce.reduce(self._session, sendbuf, recvbuf, op, root).run()

    def Allreduce(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:
        """Fill every rank's recvbuf with all ranks' sendbufs combined, with the same bits everywhere.

        Args:
            sendbuf: this rank's operand, with as many elements on every rank; IN_PLACE: it is in recvbuf.
            recvbuf: as many elements.
            op: see Reduce.
        """
        _buffers_reduce.allreduce(self._session, sendbuf, recvbuf, op)

    def Reduce_scatter(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        recvcounts: Counts | None = None,
        op: func | op = SUM,
    ) -> None:
        """Combine all ranks' sendbufs, and fill recvbuf with this rank's block of the result.

        Args:
            sendbuf: this rank's operand, with as many elements on every rank; IN_PLACE: it is in recvbuf, and
                the block replaces its first elements.
            recvbuf: `recvcounts[rank]` elements.
            recvcounts: every block's number of elements; None for blocks as even as possible (the first ranks
                have one element more).
            op: see Reduce.
        """
        _buffers_reduce.reduce_scatter(self._session, sendbuf, recvbuf, recvcounts, op).run()

    def Scan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:
        """Fill recvbuf with the sendbufs of rank 0 to this rank combined, in rank order; see Allreduce."""
        _buffers_reduce.scan(self._session, sendbuf, recvbuf, op).run()

    def Exscan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> None:
        """Fill recvbuf with the sendbufs of all ranks before this one combined; rank 0's stays as it is."""
        _buffers_reduce.exscan(self._session, sendbuf, recvbuf, op).run()

    # Collective operations that do not wait. All ranks start them in the same order, whatever else they do in
    # between: other requests, and operations that wait. Any number may be under way. The arrays must not be
    # used until `wait`, `test`, `waitany` or `waitall` says that the request is over.

    def Ibarrier(self) -> Request[None]:
        """Start a barrier: the request is over when every rank has started it."""
        return _buffers_move.plan_barrier(self._session).start()

    def Ibcast(self, buf: Buffer, root: int = 0) -> Request[None]:
        """Start a Bcast."""
        return _buffers_move.bcast(self._session, buf, root).start()

    def Igather(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, root: int = 0
    ) -> Request[None]:
        """Start a Gather."""
        return _buffers_move.gather(self._session, sendbuf, recvbuf, root).start()

    def Igatherv(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> Request[None]:
        """Start a Gatherv."""
        return _buffers_move.gatherv(
            self._session, sendbuf, recvbuf, counts, root=root, displs=displs
        ).start()

    def Iscatter(self, sendbuf: Buffer | None, recvbuf: Buffer | InPlace, root: int = 0) -> Request[None]:
        """Start a Scatter."""
        return _buffers_move.scatter(self._session, sendbuf, recvbuf, root).start()

    def Iscatterv(
        self,
        sendbuf: Buffer | None,
        recvbuf: Buffer | InPlace,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> Request[None]:
        """Start a Scatterv."""
        return _buffers_move.scatterv(
            self._session, sendbuf, recvbuf, counts, root=root, displs=displs
        ).start()

    def Iallgather(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> Request[None]:
        """Start an Allgather."""
        return _buffers_move.allgather(self._session, sendbuf, recvbuf).start()

    def Iallgatherv(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        counts: Counts | None = None,
        displs: Counts | None = None,
    ) -> Request[None]:
        """Start an Allgatherv."""
        return _buffers_move.allgatherv(self._session, sendbuf, recvbuf, counts, displs).start()

    def Ialltoall(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> Request[None]:
        """Start an Alltoall."""
        return _buffers_move.alltoall(self._session, sendbuf, recvbuf).start()

    def Ireduce(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, op: func | op = SUM, root: int = 0
    ) -> Request[None]:
        """Start a Reduce."""
        return _buffers_reduce.reduce(self._session, sendbuf, recvbuf, op, root).start()

    def Iallreduce(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> Request[None]:
        """Start an Allreduce."""
        return _buffers_reduce.plan_allreduce(self._session, sendbuf, recvbuf, op).start()

    def Ireduce_scatter(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        recvcounts: Counts | None = None,
        op: func | op = SUM,
    ) -> Request[None]:
        """Start a Reduce_scatter."""
        return _buffers_reduce.reduce_scatter(self._session, sendbuf, recvbuf, recvcounts, op).start()

    def Iscan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> Request[None]:
        """Start a Scan."""
        return _buffers_reduce.scan(self._session, sendbuf, recvbuf, op).start()

    def Iexscan(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> Request[None]:
        """Start an Exscan."""
        return _buffers_reduce.exscan(self._session, sendbuf, recvbuf, op).start()

    # Collective operations that are planned once and started again and again. The arrays are read when the
    # request is started, and filled when it is over; then it may be started again.

    def Barrier_init(self) -> PersistentRequest:
        """A barrier to be started."""
        return PersistentRequest(partial(_buffers_move.plan_barrier, self._session))

    def Bcast_init(self, buf: Buffer, root: int = 0) -> PersistentRequest:
        """A Bcast to be started."""
        return PersistentRequest(partial(_buffers_move.bcast, self._session, buf, root))

    def Gather_init(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, root: int = 0
    ) -> PersistentRequest:
        """A Gather to be started."""
        return PersistentRequest(partial(_buffers_move.gather, self._session, sendbuf, recvbuf, root))

    def Gatherv_init(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> PersistentRequest:
        """A Gatherv to be started."""
        return PersistentRequest(
            partial(_buffers_move.gatherv, self._session, sendbuf, recvbuf, counts, root=root, displs=displs)
        )

    def Scatter_init(
        self, sendbuf: Buffer | None, recvbuf: Buffer | InPlace, root: int = 0
    ) -> PersistentRequest:
        """A Scatter to be started."""
        return PersistentRequest(partial(_buffers_move.scatter, self._session, sendbuf, recvbuf, root))

    def Scatterv_init(
        self,
        sendbuf: Buffer | None,
        recvbuf: Buffer | InPlace,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> PersistentRequest:
        """A Scatterv to be started."""
        return PersistentRequest(
            partial(_buffers_move.scatterv, self._session, sendbuf, recvbuf, counts, root=root, displs=displs)
        )

    def Allgather_init(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> PersistentRequest:
        """An Allgather to be started."""
        return PersistentRequest(partial(_buffers_move.allgather, self._session, sendbuf, recvbuf))

    def Allgatherv_init(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        counts: Counts | None = None,
        displs: Counts | None = None,
    ) -> PersistentRequest:
        """An Allgatherv to be started."""
        return PersistentRequest(
            partial(_buffers_move.allgatherv, self._session, sendbuf, recvbuf, counts, displs)
        )

    def Alltoall_init(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> PersistentRequest:
        """An Alltoall to be started."""
        return PersistentRequest(partial(_buffers_move.alltoall, self._session, sendbuf, recvbuf))

    def Reduce_init(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, op: func | op = SUM, root: int = 0
    ) -> PersistentRequest:
        """A Reduce to be started."""
        return PersistentRequest(partial(_buffers_reduce.reduce, self._session, sendbuf, recvbuf, op, root))

    def Allreduce_init(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM
    ) -> PersistentRequest:
        """An Allreduce to be started."""
        return PersistentRequest(partial(_buffers_reduce.plan_allreduce, self._session, sendbuf, recvbuf, op))

    def Reduce_scatter_init(
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        recvcounts: Counts | None = None,
        op: func | op = SUM,
    ) -> PersistentRequest:
        """A Reduce_scatter to be started."""
        return PersistentRequest(
            partial(_buffers_reduce.reduce_scatter, self._session, sendbuf, recvbuf, recvcounts, op)
        )

    def Scan_init(self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM) -> PersistentRequest:
        """A Scan to be started."""
        return PersistentRequest(partial(_buffers_reduce.scan, self._session, sendbuf, recvbuf, op))

    def Exscan_init(
        self, sendbuf: Buffer | InPlace, recvbuf: Buffer, op: func | op = SUM
    ) -> PersistentRequest:
        """An Exscan to be started."""
        return PersistentRequest(partial(_buffers_reduce.exscan, self._session, sendbuf, recvbuf, op))


def _operation(name: str) -> Operation:
    """The operation of a lower-case name; ValueError if there is none."""
    names = [each.name.lower() for each in Operation if each is not Operation.NONE]
    if name not in names:
        raise ValueError(f"there is no operation {name!r}; name one of {', '.join(names)}")
    return Operation[name.upper()]
