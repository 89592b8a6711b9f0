"""Every operation, again and again with messages of a size at which a kill hits the middle of a transfer.

As a program it is one rank: `python -m tests.fmi.support.endless OPERATION`. It says `busy` once it is well
under way and goes on until it is killed, or until another rank fails, whose number it prints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmi

N = 3 << 16
INT = fmi.types(fmi.datatypes.int)
LIST = fmi.types(fmi.datatypes.double_list, N)
SUM = fmi.func(fmi.op.sum)
ORDERED = fmi.func(fmi.op.custom, lambda a, b: a + b, False, True)
ROUNDS_BEFORE_BUSY = 3

ones = np.ones(N)
Operation = Callable[[fmi.Communicator], Any]


def ring(comm: fmi.Communicator) -> None:
    """Point to point, both ways."""
    comm.send(ones, (comm.rank + 1) % comm.world_size, LIST)
    comm.recv((comm.rank - 1) % comm.world_size, LIST)


def requests(comm: fmi.Communicator) -> None:
    """Both ways at once."""
    arriving = comm.Irecv(empty(), (comm.rank - 1) % comm.world_size)
    leaving = comm.Isend(ones, (comm.rank + 1) % comm.world_size)
    fmi.waitall([arriving, leaving])


def empty(times: int = 1, parts: int = 1) -> NDArray[np.float64]:
    """Room for so many times the data, or for a part of it."""
    return np.empty(N * times // parts)


OPERATIONS: dict[str, Operation] = {
    "send and recv": ring,
    "barrier": lambda comm: comm.barrier(),
    "bcast": lambda comm: comm.bcast(ones, 1, LIST),
    "gather": lambda comm: comm.gather(ones, 1, LIST),
    "scatter": lambda comm: comm.scatter(ones, 1, LIST),
    "reduce": lambda comm: comm.reduce(ones, 1, SUM, LIST),
    "reduce in order": lambda comm: comm.Reduce(ones, empty(), ORDERED, 1),
    "allreduce": lambda comm: comm.allreduce(ones, SUM, LIST),
    "allreduce in order": lambda comm: comm.Allreduce(ones, empty(), ORDERED),
    "small allreduce": lambda comm: comm.allreduce(1, SUM, INT),
    "scan": lambda comm: comm.scan(ones, SUM, LIST),
    "bcast of an object": lambda comm: comm.bcast({"bytes": ones.tobytes()}, 1),
    "Isend and Irecv": requests,
    "Sendrecv": lambda comm: comm.Sendrecv(
        ones, (comm.rank + 1) % comm.world_size, empty(), (comm.rank - 1) % comm.world_size
    ),
    "Barrier": lambda comm: comm.Barrier(),
    "Bcast": lambda comm: comm.Bcast(ones.copy(), 1),
    "Gather": lambda comm: comm.Gather(ones, empty(comm.world_size), 1),
    "Gatherv": lambda comm: comm.Gatherv(ones, empty(comm.world_size), None, 1),
    "Scatter": lambda comm: comm.Scatter(ones, empty(1, comm.world_size), 1),
    "Scatterv": lambda comm: comm.Scatterv(ones, empty(1, comm.world_size), None, 1),
    "Allgather": lambda comm: comm.Allgather(ones, empty(comm.world_size)),
    "Allgatherv": lambda comm: comm.Allgatherv(ones, empty(comm.world_size)),
    "Alltoall": lambda comm: comm.Alltoall(ones, empty()),
    "Reduce": lambda comm: comm.Reduce(ones, empty(), root=1),
    "Allreduce": lambda comm: comm.Allreduce(ones, empty()),
    "Reduce_scatter": lambda comm: comm.Reduce_scatter(ones, empty(1, comm.world_size)),
    "Scan": lambda comm: comm.Scan(ones, empty()),
    "Exscan": lambda comm: comm.Exscan(ones, empty()),
}


def loop(comm: fmi.Communicator, operation: Operation, on_busy: Callable[[], None] = lambda: None) -> None:
    """Only an error ends this. A barrier keeps ranks that only send from running away from the others."""
    for number in range(sys.maxsize):
        if number == ROUNDS_BEFORE_BUSY:
            on_busy()
        operation(comm)
        if number < ROUNDS_BEFORE_BUSY:
            comm.barrier()


def main(name: str) -> None:
    with fmi.from_env() as comm:
        try:
            loop(comm, OPERATIONS[name], lambda: print("busy", flush=True))
        except fmi.PeerFailure as failure:
            print(failure.rank, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
