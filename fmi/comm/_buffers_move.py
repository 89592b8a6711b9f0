"""Collective operations that move arrays, after mpi4py's upper-case convention."""

from __future__ import annotations

from fmi._datatypes import Array, dtype_code
from fmi.collectives import plans
from fmi.collectives.context import equal_blocks
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
from fmi.comm._session import Session
from fmi.protocol.frames import Operation


class ArrayMoves(Session):
    """Bcast, Gather(v), Scatter(v), Allgather(v) and Alltoall.

    Every rank of the communicator makes the same call, with the same element type, sizes and root. Blocks are
    in rank order. `fmi.IN_PLACE` for a buffer says that the data is in the other one already. See
    `fmi.comm._arrays` for what is taken as an array. Raises TypeError or ValueError for wrong arguments
    before anything is sent.
    """

    def Bcast(self, buf: Buffer, root: int = 0) -> None:  # noqa: N802 - mpi4py's name
        """Fill every rank's array with the root's."""
        self._check_rank(root, "root")
        target = None if self.rank == root else Incoming(buf, "buf")
        array = outgoing(buf, "buf") if target is None else target.flat
        context = self._context(Operation.BCAST, dtype_code(array.dtype), array.size, root=root)
        plan = plans.bcast(context, array, root)
        self._run(Operation.BCAST, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Gather(self, sendbuf: Buffer | InPlace, recvbuf: Buffer | None = None, root: int = 0) -> None:  # noqa: N802
        """Fill the root's recvbuf with all ranks' sendbufs; it is ignored elsewhere.

        On the root sendbuf may be IN_PLACE: its block is in recvbuf already.
        """
        self._check_rank(root, "root")
        target = self._target_at(root, recvbuf)
        array = outgoing(sendbuf, "sendbuf") if target is None else self._own_block(sendbuf, target)
        whole = target.flat if target else None
        context = self._context(Operation.GATHER, dtype_code(array.dtype), array.size, root=root)
        plan = plans.gather(context, array, whole, root)
        self._run(Operation.GATHER, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Gatherv(  # noqa: N802
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer | None = None,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> None:
        """As Gather, with blocks of `counts[rank]` elements, which go to `displs[rank]` of recvbuf.

        Without counts the blocks are as even as possible (the first ranks have one element more), without
        displs they lie side by side. Only the root has to know both.
        """
        self._check_rank(root, "root")
        target = self._target_at(root, recvbuf)
        places = bounds(target.load(), counts, displs, self.world_size, "recvbuf") if target else None
        block = target.flat[slice(*places[root])] if target and places else None
        own = block if block is not None and sendbuf is IN_PLACE else outgoing(sendbuf, "sendbuf")
        if target and block is not None:
            same_type(own, target.flat)
            own = of_size(apart(own, target.flat), block.size, "sendbuf")
        elif counts is not None:
            of_size(own, check_counts(counts, self.world_size)[self.rank], "sendbuf")
        context = self._context(Operation.GATHERV, dtype_code(own.dtype), root=root)
        plan = plans.gatherv(context, own, target.flat if target else None, places, root)
        self._run(Operation.GATHERV, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Scatter(  # noqa: N802
        self, sendbuf: Buffer | None, recvbuf: Buffer | InPlace, root: int = 0
    ) -> None:
        """Fill every rank's recvbuf with its equal block of the root's sendbuf, which is ignored elsewhere.

        On the root recvbuf may be IN_PLACE: its block stays where it is.
        """
        self._check_rank(root, "root")
        whole = outgoing(sendbuf, "sendbuf") if self.rank == root else None  # type: ignore[arg-type]
        if whole is not None and recvbuf is IN_PLACE:
            target, block = None, self._block_of(whole, "sendbuf").copy()
        else:
            target = Incoming(recvbuf, "recvbuf")  # type: ignore[arg-type]
            block = target.flat
        if whole is not None:
            same_type(whole, block)
            of_size(whole, block.size * self.world_size, "sendbuf")
            whole = apart(whole, block)
        elements = block.size * self.world_size
        context = self._context(Operation.SCATTER, dtype_code(block.dtype), elements, root=root)
        plan = plans.scatter(context, whole, block, root)
        self._run(Operation.SCATTER, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Scatterv(  # noqa: N802
        self,
        sendbuf: Buffer | None,
        recvbuf: Buffer | InPlace,
        counts: Counts | None = None,
        root: int = 0,
        displs: Counts | None = None,
    ) -> None:
        """As Scatter, with blocks of `counts[rank]` elements from `displs[rank]` on; see Gatherv."""
        self._check_rank(root, "root")
        whole = outgoing(sendbuf, "sendbuf") if self.rank == root else None  # type: ignore[arg-type]
        places = None if whole is None else bounds(whole, counts, displs, self.world_size, "sendbuf")
        own = None if whole is None or places is None else whole[slice(*places[root])]
        if own is not None and recvbuf is IN_PLACE:
            target, block = None, own.copy()
        else:
            target = Incoming(recvbuf, "recvbuf")  # type: ignore[arg-type]
            block = target.flat
        if whole is not None and own is not None:
            same_type(whole, block)
            of_size(block, own.size, "recvbuf")
            whole = apart(whole, block)
        elif counts is not None:
            of_size(block, check_counts(counts, self.world_size)[self.rank], "recvbuf")
        context = self._context(Operation.SCATTERV, dtype_code(block.dtype), root=root)
        plan = plans.scatterv(context, whole, block, places, root)
        self._run(Operation.SCATTERV, plan.peers, lambda: plan.run(context))
        if target:
            target.settle()

    def Allgather(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> None:  # noqa: N802
        """Fill every rank's recvbuf with all ranks' sendbufs.

        With IN_PLACE for sendbuf this rank's block is in recvbuf already.
        """
        target = Incoming(recvbuf, "recvbuf")
        block = self._own_block(sendbuf, target)
        self._block_of(target.flat, "recvbuf")
        context = self._context(Operation.ALLGATHER, dtype_code(block.dtype), block.size)
        plan = plans.allgather(context, block, target.flat)
        self._run(Operation.ALLGATHER, plan.peers, lambda: plan.run(context))
        target.settle()

    def Allgatherv(  # noqa: N802
        self,
        sendbuf: Buffer | InPlace,
        recvbuf: Buffer,
        counts: Counts | None = None,
        displs: Counts | None = None,
    ) -> None:
        """As Allgather, with blocks of `counts[rank]` elements, which go to `displs[rank]`; see Gatherv.

        Every rank has to pass the same counts.
        """
        target = Incoming(recvbuf, "recvbuf")
        places = bounds(target.load(), counts, displs, self.world_size, "recvbuf")
        own = target.flat[slice(*places[self.rank])]
        if sendbuf is not IN_PLACE:
            array = outgoing(sendbuf, "sendbuf")
            same_type(array, target.flat)
            own = apart(of_size(array, own.size, "sendbuf"), target.flat)
        total = sum(end - start for start, end in places)
        context = self._context(Operation.ALLGATHERV, dtype_code(target.flat.dtype), total)
        plan = plans.allgatherv(context, own, target.flat, places)
        self._run(Operation.ALLGATHERV, plan.peers, lambda: plan.run(context))
        target.settle()

    def Alltoall(self, sendbuf: Buffer | InPlace, recvbuf: Buffer) -> None:  # noqa: N802
        """Send block j of sendbuf to rank j, and fill block i of recvbuf with what rank i sends to this one.

        With IN_PLACE for sendbuf the data to send is in recvbuf, and is replaced there.
        """
        target = Incoming(recvbuf, "recvbuf")
        array = target.load().copy() if sendbuf is IN_PLACE else outgoing(sendbuf, "sendbuf")
        same_type(array, target.flat)
        of_size(array, target.flat.size, "sendbuf")
        self._block_of(array, "sendbuf")
        array = apart(array, target.flat)
        context = self._context(Operation.ALLTOALL, dtype_code(array.dtype), array.size)
        plan = plans.alltoall(context, array, target.flat)
        self._run(Operation.ALLTOALL, plan.peers, lambda: plan.run(context))
        target.settle()

    def _target_at(self, root: int, recvbuf: Buffer | None) -> Incoming | None:
        """The recvbuf on the root, which needs one; None elsewhere."""
        return Incoming(recvbuf, "recvbuf") if self.rank == root else None  # type: ignore[arg-type]

    def _own_block(self, sendbuf: Buffer | InPlace, target: Incoming) -> Array:
        """This rank's block of what all ranks get."""
        if sendbuf is IN_PLACE:
            return self._block_of(target.load(), "recvbuf")
        array = outgoing(sendbuf, "sendbuf")
        same_type(array, target.flat)
        of_size(target.flat, array.size * self.world_size, "recvbuf")
        return apart(array, target.flat)

    def _block_of(self, whole: Array, name: str) -> Array:
        if whole.size % self.world_size:
            raise ValueError(
                f"{name} has {whole.size} elements, which {self.world_size} ranks cannot share evenly"
            )
        return equal_blocks(whole, self.world_size)[self.rank]
