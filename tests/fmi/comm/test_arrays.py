"""One test body over every upper-case operation, kind of array, element type, root and world size."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fmi
from tests.fmi.support.array_kinds import COMPLEX, DTYPES, FLOATS, KINDS, Array, Kind, numbers
from tests.fmi.support.worlds import World

SIZES = range(1, 9)
SHAPE = (2, 3)
UFUNCS = {
    fmi.SUM: np.add,
    fmi.PROD: np.multiply,
    fmi.MAX: np.maximum,
    fmi.MIN: np.minimum,
    fmi.LAND: np.logical_and,
    fmi.LOR: np.logical_or,
    fmi.LXOR: np.logical_xor,
    fmi.BAND: np.bitwise_and,
    fmi.BOR: np.bitwise_or,
    fmi.BXOR: np.bitwise_xor,
}
BITWISE = (fmi.BAND, fmi.BOR, fmi.BXOR)


class Case:
    """One rank's side of one call: arrays of a kind and type, and what NumPy says about them."""

    def __init__(self, comm: fmi.Communicator, kind: Kind, dtype: str, root: int) -> None:
        self.comm = comm
        self.rank, self.size, self.root = comm.rank, comm.size, root
        self.kind, self.dtype = kind, dtype

    def of(self, rank: int, *lead: int) -> Array:
        """The numbers of a rank, of the common shape behind further dimensions."""
        return numbers(rank, (*lead, *SHAPE), self.dtype)

    def all(self) -> Array:
        return np.stack([self.of(rank) for rank in range(self.size)])

    def made(self, values: Array) -> Any:  # noqa: ANN401
        return self.kind.make(values)

    def empty(self, *lead: int) -> Any:  # noqa: ANN401
        return self.kind.make(np.zeros((*lead, *SHAPE), self.dtype))

    def check(self, buffer: Any, expected: Array) -> None:  # noqa: ANN401
        found = self.kind.read(buffer)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)

    def folded(self, upto: int, function: fmi.func = fmi.SUM) -> Array:
        """The first ranks' numbers combined, in their type."""
        ufunc = functools.partial(UFUNCS[function])
        total = functools.reduce(ufunc, [self.of(rank) for rank in range(upto)])
        return np.asarray(total).astype(self.dtype)


def send_recv(case: Case) -> None:
    if case.size > 1 and case.rank == case.root:
        case.comm.Send(case.made(case.of(case.rank)), (case.root + 1) % case.size)
    if case.size > 1 and case.rank == (case.root + 1) % case.size:
        buffer = case.empty()
        case.comm.Recv(buffer, case.root)
        case.check(buffer, case.of(case.root))


def sendrecv(case: Case) -> None:
    buffer = case.empty()
    case.comm.Sendrecv(
        case.made(case.of(case.rank)), (case.rank + 1) % case.size, buffer, (case.rank - 1) % case.size
    )
    case.check(buffer, case.of((case.rank - 1) % case.size))


def isend_irecv(case: Case) -> None:
    buffers = [case.empty() for _ in range(case.size)]
    mine = case.made(case.of(case.rank))
    requests = [case.comm.Irecv(buffer, source) for source, buffer in enumerate(buffers)]
    requests += [case.comm.Isend(mine, dest) for dest in range(case.size)]
    assert fmi.waitall(requests) == [None] * (2 * case.size)
    for source, buffer in enumerate(buffers):
        case.check(buffer, case.of(source))


def bcast(case: Case) -> None:
    buffer = case.made(case.of(case.root)) if case.rank == case.root else case.empty()
    case.comm.Bcast(buffer, case.root)
    case.check(buffer, case.of(case.root))


def gather(case: Case) -> None:
    everything = case.empty(case.size) if case.rank == case.root else None
    case.comm.Gather(case.made(case.of(case.rank)), everything, case.root)
    if everything is not None:
        case.check(everything, case.all())


def gather_in_place(case: Case) -> None:
    if case.rank != case.root:
        case.comm.Gather(case.made(case.of(case.rank)), None, case.root)
        return
    mine = np.zeros_like(case.all())
    mine[case.rank] = case.of(case.rank)
    everything = case.made(mine)
    case.comm.Gather(fmi.IN_PLACE, everything, case.root)
    case.check(everything, case.all())


def gatherv(case: Case) -> None:
    counts = [6 * (rank % 3) for rank in range(case.size)]  # some ranks have nothing
    parts = [case.of(rank, rank % 3) for rank in range(case.size)]
    expected = np.concatenate(parts)
    everything = case.made(np.zeros_like(expected)) if case.rank == case.root else None
    case.comm.Gatherv(case.made(parts[case.rank]), everything, counts, case.root)
    if everything is not None:
        case.check(everything, expected)


def scatter(case: Case) -> None:
    whole = case.made(case.all()) if case.rank == case.root else None
    share = case.empty()
    case.comm.Scatter(whole, share, case.root)
    case.check(share, case.of(case.rank))


def scatter_in_place(case: Case) -> None:
    if case.rank == case.root:
        whole = case.made(case.all())
        case.comm.Scatter(whole, fmi.IN_PLACE, case.root)
        case.check(whole, case.all())
    else:
        share = case.empty()
        case.comm.Scatter(None, share, case.root)
        case.check(share, case.of(case.rank))


def scatterv(case: Case) -> None:
    """The blocks in the other order, with a gap."""
    counts = [6] * case.size
    displs = [6 * (2 * (case.size - rank) - 1) for rank in range(case.size)]
    room = np.zeros((2 * case.size, *SHAPE), case.dtype)
    room[1::2] = case.all()[::-1]
    whole = case.made(room) if case.rank == case.root else None
    share = case.empty()
    case.comm.Scatterv(whole, share, counts, case.root, displs)
    case.check(share, case.of(case.rank))


def allgather(case: Case) -> None:
    everything = case.empty(case.size)
    case.comm.Allgather(case.made(case.of(case.rank)), everything)
    case.check(everything, case.all())


def allgather_in_place(case: Case) -> None:
    mine = np.zeros_like(case.all())
    mine[case.rank] = case.of(case.rank)
    everything = case.made(mine)
    case.comm.Allgather(fmi.IN_PLACE, everything)
    case.check(everything, case.all())


def allgatherv(case: Case) -> None:
    counts = [6 * ((rank + 1) % 3) for rank in range(case.size)]
    parts = [case.of(rank, (rank + 1) % 3) for rank in range(case.size)]
    expected = np.concatenate(parts)
    everything = case.made(np.zeros_like(expected))
    case.comm.Allgatherv(case.made(parts[case.rank]), everything, counts)
    case.check(everything, expected)


def alltoall(case: Case) -> None:
    received = case.empty(case.size)
    case.comm.Alltoall(case.made(case.of(case.rank, case.size)), received)
    case.check(received, np.stack([case.of(rank, case.size)[case.rank] for rank in range(case.size)]))


def alltoall_in_place(case: Case) -> None:
    buffer = case.made(case.of(case.rank, case.size))
    case.comm.Alltoall(fmi.IN_PLACE, buffer)
    case.check(buffer, np.stack([case.of(rank, case.size)[case.rank] for rank in range(case.size)]))


def reduce_each_function(case: Case) -> None:
    for function in UFUNCS:
        if function in BITWISE and case.dtype in (*FLOATS, *COMPLEX, "longdouble", "clongdouble"):
            continue
        total = case.empty() if case.rank == case.root else None
        case.comm.Reduce(case.made(case.of(case.rank)), total, function, case.root)
        if total is not None:
            case.check(total, case.folded(case.size, function))


def reduce_in_place(case: Case) -> None:
    buffer = case.made(case.of(case.rank))
    if case.rank == case.root:
        case.comm.Reduce(fmi.IN_PLACE, buffer, root=case.root)
        case.check(buffer, case.folded(case.size))
    else:
        case.comm.Reduce(buffer, None, root=case.root)
        case.check(buffer, case.of(case.rank))


def allreduce(case: Case) -> None:
    mine, total = case.made(case.of(case.rank)), case.empty()
    case.comm.Allreduce(mine, total)
    case.check(total, case.folded(case.size))
    case.check(mine, case.of(case.rank))


def allreduce_in_place(case: Case) -> None:
    buffer = case.made(case.of(case.rank))
    case.comm.Allreduce(fmi.IN_PLACE, buffer, fmi.op.max)
    case.check(buffer, case.folded(case.size, fmi.MAX))


def reduce_scatter(case: Case) -> None:
    share = case.empty()
    case.comm.Reduce_scatter(case.made(case.of(case.rank, case.size)), share)
    total = functools.reduce(np.add, [case.of(rank, case.size) for rank in range(case.size)])
    case.check(share, total[case.rank])


def scan(case: Case) -> None:
    total = case.empty()
    case.comm.Scan(case.made(case.of(case.rank)), total)
    case.check(total, case.folded(case.rank + 1))


def exscan(case: Case) -> None:
    total = case.empty()
    case.comm.Exscan(case.made(case.of(case.rank)), total)
    case.check(total, case.folded(case.rank) if case.rank else np.zeros(SHAPE, case.dtype))


def scans_in_place(case: Case) -> None:
    buffer = case.made(case.of(case.rank))
    case.comm.Scan(fmi.IN_PLACE, buffer)
    case.check(buffer, case.folded(case.rank + 1))
    buffer = case.made(case.of(case.rank))
    case.comm.Exscan(fmi.IN_PLACE, buffer)
    case.check(buffer, case.folded(case.rank) if case.rank else case.of(0))


ROOTED: list[Callable[[Case], None]] = [
    send_recv,
    bcast,
    gather,
    gather_in_place,
    gatherv,
    scatter,
    scatter_in_place,
    scatterv,
    reduce_each_function,
    reduce_in_place,
]
ROOTLESS: list[Callable[[Case], None]] = [
    sendrecv,
    isend_irecv,
    allgather,
    allgather_in_place,
    allgatherv,
    alltoall,
    alltoall_in_place,
    allreduce,
    allreduce_in_place,
    reduce_scatter,
    scan,
    exscan,
    scans_in_place,
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("operation", [*ROOTED, *ROOTLESS], ids=lambda each: each.__name__)
def test_every_kind_type_and_root(
    kept_worlds: dict[int, World], operation: Callable[[Case], None], size: int
) -> None:
    """Every type as a NumPy array from one root, and every kind of array from every root."""

    def body(comm: fmi.Communicator) -> None:
        for index, dtype in enumerate(DTYPES):
            operation(Case(comm, KINDS["numpy"], dtype, index % size))
        for kind in KINDS.values():
            for root in range(size if operation in ROOTED else 1):
                operation(Case(comm, kind, kind.dtypes[root % len(kind.dtypes)], root))

    kept_worlds[size].run(body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", [*ROOTED, *ROOTLESS], ids=lambda each: each.__name__)
def test_every_type_of_every_kind(
    kept_worlds: dict[int, World], operation: Callable[[Case], None], kind: str
) -> None:
    def body(comm: fmi.Communicator) -> None:
        for dtype in KINDS[kind].dtypes:
            operation(Case(comm, KINDS[kind], dtype, 1))

    kept_worlds[3].run(body)
