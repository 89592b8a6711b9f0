"""The communicator: one rank's view of a world, and its operations."""

from __future__ import annotations

import dataclasses
from typing import overload

from fmi._datatypes import OBJECT, Value, types
from fmi._ops import as_func, func, op
from fmi.channels.base import hints
from fmi.channels.direct.persistent import PersistentSteps
from fmi.channels.policy import ChannelPolicy, Explanation
from fmi.collectives import objects, plans
from fmi.comm._buffers_move import ArrayMoves
from fmi.comm._buffers_p2p import ArrayMessages
from fmi.comm._buffers_reduce import ArrayReductions
from fmi.comm._objects import ObjectCalls
from fmi.comm._session import whole
from fmi.comm._typed import TypedCalls
from fmi.config import Config, Source, resolve
from fmi.protocol.frames import Operation
from fmi.protocol.objects import decode, encode


class Communicator(TypedCalls, ObjectCalls, ArrayMessages, ArrayMoves, ArrayReductions):
    """The ranks of one world, as one of them sees it.

    Every rank calls the same collective operations in the same order with the same type, root and function; a
    rank that does not raises MismatchError on all. Connections are made when an operation first needs them.
    Only one thread at a time may use it. An error in the middle of an operation closes the communicator: the
    other ranks are told, and every later call raises that error again.

    Lower-case operations take a type and do what the original FMI does, or no type and take Python objects
    (see `fmi.protocol.objects`); upper-case ones take arrays.

    Args:
        peer_id: this rank, 0 to num_peers - 1.
        num_peers: size of the world.
        config: path of an fmi.json (`fmi.config_file` says where it may be), over which the environment wins,
            or a dict of that shape (see `fmi.config`); None takes the default and the environment.
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
        settings = dataclasses.replace(settings, faas_memory=self.faas_memory)
        super().__init__(peer_id, num_peers, settings, comm_name)
        self._families = 0

    @property
    def size(self) -> int:
        """Number of ranks."""
        return self.world_size

    def Get_rank(self) -> int:  # noqa: N802 - mpi4py's name
        """This rank."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """Number of ranks."""
        return self.world_size

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
        mine = (None if color is None else whole(color, "color"), whole(key, "key"), self.rank)
        context = self._context(Operation.SPLIT, OBJECT)
        peers = objects.tree_peers(self.rank, self.world_size, 0)
        packed = self._run(Operation.SPLIT, peers, lambda: objects.allgather(context, encode(mine)))
        name = f"{self.name} / family {self._families}, color {color}"
        self._families += 1
        if color is None:
            return None
        everyone = [decode(each) for each in packed]
        family = [rank for theirs, _, rank in sorted(each for each in everyone if each[0] == mine[0])]
        child = Communicator(family.index(self.rank), len(family), self._config, name, self.faas_memory)
        child.hint(self._hint)
        return child

    def dup(self) -> Communicator:
        """A communicator of the same ranks with its own messages; all ranks call this together."""
        return self.split(0, self.rank)

    def hint(self, hint: hints) -> None:
        """Prefer speed or price where there is a choice of channels."""
        if not isinstance(hint, hints):
            raise TypeError(f"a hint is fmi.hints.fast or fmi.hints.cheap, not {hint!r}")
        self._hint = hint
        self._channel.prefer(hint)

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
        names = [each.name.lower() for each in Operation if each is not Operation.NONE]
        if operation not in names:
            raise ValueError(f"there is no operation {operation!r}; name one of {', '.join(names)}")
        if nbytes is not None and whole(nbytes, "nbytes") < 0:
            raise ValueError(f"nbytes is not negative, but {nbytes} is")
        policy = ChannelPolicy(self._config.channels, self._config.model, self.world_size, self.faas_memory)
        policy.hint = self._hint
        return policy.explain(Operation[operation.upper()], nbytes)

    # Point to point

    def send(self, obj: object, dest: int, type: types | None = None) -> None:  # noqa: A002 - the original's
        """Send to one rank; return when the data may change. That rank calls `recv` with the same type."""
        if type is None:
            self._check_peer(dest, "dest")
            self._send_object(obj, dest)
        else:
            self._send_typed(obj, dest, type)

    def recv(self, src: int, type: types | None = None) -> Value:  # noqa: A002
        """Receive what that rank sends: a scalar, a list, or an array if it sent an array."""
        if type is None:
            self._check_peer(src, "src")
            return self._recv_object(src)
        return self._recv_typed(src, type)

    # Collective operations

    def barrier(self) -> None:
        """Wait until every rank is here."""
        known = self._kinds.get(Operation.BARRIER)
        if known is not None:
            self._replay(known, self._calls, 0)
            return
        context = self._context(Operation.BARRIER)
        plan = plans.barrier(context)
        steps = plan.schedule.steps
        self._run(Operation.BARRIER, plan.peers, lambda: plan.run(context))
        self._remember(
            Operation.BARRIER, 0, lambda channel: PersistentSteps(channel, context.call, None, steps, None)
        )

    Barrier = barrier

    def bcast(self, obj: object, root: int = 0, type: types | None = None) -> Value:  # noqa: A002
        """The root's value, on every rank; `obj` is ignored elsewhere."""
        if type is None:
            self._check_rank(root, "root")
            return self._bcast_object(obj, root)
        return self._bcast_typed(obj, root, type)

    def gather(self, obj: object, root: int = 0, type: types | None = None) -> Value:  # noqa: A002
        """All ranks' values on the root; None elsewhere.

        With a type they are one flat list (an array, if the root passed one), without one the list of the
        ranks' objects.
        """
        if type is None:
            self._check_rank(root, "root")
            return self._gather_object(obj, root)
        return self._gather_typed(obj, root, type)

    def scatter(self, obj: object, root: int = 0, type: types | None = None) -> Value:  # noqa: A002
        """This rank's part of the root's list; `obj` is ignored elsewhere.

        With a type every rank gets an equal block: a list even if it has one value (an array, if the root
        passed one), and the type's length is the whole list's, a multiple of the world size. Without a type
        the list has one object for each rank.
        """
        if type is None:
            self._check_rank(root, "root")
            return self._scatter_object(obj, root)
        return self._scatter_typed(obj, root, type)

    def reduce(self, obj: object, root: int, func: func | op, type: types | None = None) -> Value:  # noqa: A002
        """All ranks' values combined, on the root; None elsewhere."""
        self._check_rank(root, "root")
        if type is None:
            return self._reduce_object(obj, root, as_func(func))
        return self._reduce_typed(obj, root, func, type)

    def allreduce(self, obj: object, func: func | op, type: types | None = None) -> Value:  # noqa: A002
        """All ranks' values combined, on every rank, with the same bits."""
        if type is None:
            return self._allreduce_object(obj, as_func(func))
        return self._allreduce_typed(obj, func, type)

    def scan(self, obj: object, func: func | op, type: types | None = None) -> Value:  # noqa: A002
        """The values of rank 0 to this rank (inclusive) combined, in rank order."""
        if type is None:
            return self._scan_object(obj, as_func(func))
        return self._scan_typed(obj, func, type)
