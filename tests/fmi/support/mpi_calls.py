"""One program for mpi4py and for fmi; as a script it runs with mpi4py and writes a file a rank.

mpiexec -n 4 python -m tests.fmi.support.mpi_calls DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from fmi.protocol.objects import encode

DTYPES = ["int8", "uint16", "int32", "int64", "float32", "float64", "complex128"]
COUNT = 7
LARGE = 40_000


class Sides:
    """Where the two interfaces differ in names and in how counts are passed."""

    def __init__(self, names: Any, is_mpi: bool = False) -> None:  # noqa: ANN401
        self.is_mpi = is_mpi
        self.sum, self.prod, self.max, self.min = names.SUM, names.PROD, names.MAX, names.MIN
        self.in_place = names.IN_PLACE


def numbers(rank: int, n: int, dtype: str) -> Any:  # noqa: ANN401
    """Whole numbers, so that the order of adding them does not matter."""
    return np.random.default_rng(rank).integers(0, 4, n).astype(dtype)


def arrays(comm: Any, sides: Sides, dtype: str, n: int) -> list[Any]:  # noqa: ANN401
    """Every upper-case operation, from a root in the middle."""
    rank, size, root = comm.Get_rank(), comm.Get_size(), 2
    mine, whole = numbers(rank, n, dtype), numbers(rank, n * size, dtype)
    results: list[Any] = []

    def result(shape: int | tuple[int, ...] = n) -> Any:  # noqa: ANN401
        results.append(np.zeros(shape, dtype))
        return results[-1]

    copy = mine.copy()
    comm.Bcast(copy, root=root)
    results.append(copy)
    comm.Gather(mine, result((size, n)), root=root)
    comm.Scatter(whole, result(), root=root)
    comm.Allgather(mine, result((size, n)))
    comm.Alltoall(whole, result((size, n)))
    comm.Sendrecv(mine, dest=(rank + 1) % size, recvbuf=result(), source=(rank - 1) % size)
    for function in (sides.sum, sides.prod, sides.max, sides.min):
        if np.dtype(dtype).kind == "c" and function in (sides.max, sides.min):
            continue  # MPI does not define these
        comm.Reduce(mine, result(), op=function, root=root)
        comm.Allreduce(mine, result(), op=function)
        comm.Scan(mine, result(), op=function)
        comm.Exscan(mine, result(), op=function)
    comm.Reduce_scatter(whole, result(), recvcounts=[n] * size)
    copy = mine.copy()
    comm.Allreduce(sides.in_place, copy)
    results.append(copy)
    requests = [comm.Irecv(result(), source=(rank - 1) % size), comm.Isend(mine, dest=(rank + 1) % size)]
    comm.Barrier()
    for request in requests:
        request.Wait()
    if rank == 0:
        comm.Send(mine, dest=size - 1)
    elif rank == size - 1:
        comm.Recv(result(), source=0)
    return results + uneven(comm, sides, dtype)


def uneven(comm: Any, sides: Sides, dtype: str) -> list[Any]:  # noqa: ANN401
    """The operations whose blocks differ in size."""
    rank, size, root = comm.Get_rank(), comm.Get_size(), 1
    counts = [3 * ((rank + 1) % 3) for rank in range(size)]
    share, whole = numbers(rank, counts[rank], dtype), numbers(rank, sum(counts), dtype)
    gathered, everywhere, scattered = np.zeros_like(whole), np.zeros_like(whole), np.zeros_like(share)
    if sides.is_mpi:
        comm.Gatherv(share, [gathered, counts], root=root)
        comm.Allgatherv(share, [everywhere, counts])
        comm.Scatterv([whole, counts], scattered, root=root)
    else:
        comm.Gatherv(share, gathered, counts, root=root)
        comm.Allgatherv(share, everywhere, counts)
        comm.Scatterv(whole, scattered, counts, root=root)
    return [gathered, everywhere, scattered]


def objects(comm: Any, sides: Sides) -> list[Any]:  # noqa: ANN401
    """The lower-case operations, over objects."""
    rank, size = comm.Get_rank(), comm.Get_size()
    mine = {"rank": rank, "text": "é" * rank, "data": [None, True, 1.5, (rank, b"x" * rank)]}
    request = comm.isend(mine, dest=(rank + 1) % size)
    source = (rank - 1) % size
    received = comm.recv(source=source) if sides.is_mpi else comm.recv(source)
    request.wait()
    return [
        received,
        comm.bcast(mine, root=1),
        comm.gather(mine, root=1),
        comm.scatter([(rank, other) for other in range(size)], root=1),
        comm.allgather(mine),
        comm.alltoall([(rank, other) for other in range(size)]),
        comm.allreduce([rank], sides.sum),
        comm.scan([rank], sides.sum),
    ]


def families(comm: Any, sides: Sides) -> list[Any]:  # noqa: ANN401
    """Split and dup."""
    split = comm.Split if sides.is_mpi else comm.split
    half = split(comm.Get_rank() % 2, -comm.Get_rank())
    results = [half.Get_rank(), half.Get_size(), half.allgather(comm.Get_rank())]
    (half.Free if sides.is_mpi else half.close)()
    return results


def everything(comm: Any, sides: Sides) -> list[Any]:  # noqa: ANN401
    """All of it."""
    results = [arrays(comm, sides, dtype, COUNT) for dtype in DTYPES]
    results.append(arrays(comm, sides, "float64", LARGE))
    return [*results, objects(comm, sides), families(comm, sides)]


def main(directory: str) -> None:
    """Run with mpi4py."""
    from mpi4py import MPI

    results = everything(MPI.COMM_WORLD, Sides(MPI, is_mpi=True))
    Path(directory, f"{MPI.COMM_WORLD.Get_rank()}").write_bytes(encode(results))


if __name__ == "__main__":
    main(sys.argv[1])
