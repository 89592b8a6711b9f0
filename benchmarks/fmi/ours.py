"""FMI, through both of its interfaces."""

from __future__ import annotations

import numpy as np

import fmi
from benchmarks.fmi.system import Step, System

SECRET = "a secret of the benchmark"  # noqa: S105 - it guards nothing
SUM = fmi.SUM


class Arrays(System):
    """The array interface: NumPy arrays, filled in place."""

    comm: fmi.Communicator | None = None

    def set_up(self, name: str, port: int) -> None:  # noqa: ARG002 - the rendezvous server has a port
        """Pair through the rendezvous server, with hole punching."""
        host, server_port = self.rendezvous
        config = {"backends": {"Direct": {"host": host, "port": server_port}}, "secret": SECRET}
        self.comm = fmi.Communicator(self.rank, self.size, config, name)

    @property
    def world(self) -> fmi.Communicator:
        """The communicator."""
        assert self.comm is not None  # noqa: S101 - set up before anything is measured
        return self.comm

    def barrier(self) -> None:
        """Wait for all ranks."""
        self.world.barrier()

    def close(self) -> None:
        """Say goodbye."""
        if self.comm:
            self.comm.close()

    def prepare(self, operation: str, nbytes: int) -> Step:
        """Arrays of doubles."""
        comm, root = self.world, self.rank == 0
        count = nbytes // 8
        mine, result = np.full(count, 1.0), np.empty(count)
        everything = np.empty(count * self.size) if root else None
        steps: dict[str, Step] = {
            "barrier": comm.Barrier,
            "allreduce": lambda: comm.Allreduce(mine, result, SUM),
            "bcast": lambda: comm.Bcast(mine, 0),
            "reduce": lambda: comm.Reduce(mine, result if root else None, SUM, 0),
            "gather": lambda: comm.Gather(mine, everything, 0),
            "pingpong": self._first(mine) if root else self._second(mine),
        }
        return steps[operation]

    def _first(self, array: np.ndarray) -> Step:
        def step() -> None:
            self.world.Send(array, 1)
            self.world.Recv(array, 1)

        return step

    def _second(self, array: np.ndarray) -> Step:
        def step() -> None:
            self.world.Recv(array, 0)
            self.world.Send(array, 0)

        return step


class Lists(Arrays):
    """The original interface with typed lists of Python floats, as the course's scripts call it."""

    def prepare(self, operation: str, nbytes: int) -> Step:
        """Lists of doubles; 8 bytes are one double without a list."""
        comm, root = self.world, self.rank == 0
        count = nbytes // 8
        kinds = fmi.datatypes
        kind = fmi.types(kinds.double) if count <= 1 else fmi.types(kinds.double_list, count)
        mine: float | list[float] = 1.0 if count <= 1 else [1.0] * count

        def pingpong() -> None:
            if root:
                comm.send(mine, 1, kind)
                comm.recv(1, kind)
            else:
                comm.recv(0, kind)
                comm.send(mine, 0, kind)

        steps: dict[str, Step] = {
            "barrier": comm.barrier,
            "allreduce": lambda: comm.allreduce(mine, SUM, kind),
            "bcast": lambda: comm.bcast(mine, 0, kind),
            "reduce": lambda: comm.reduce(mine, 0, SUM, kind),
            "gather": lambda: comm.gather(mine, 0, kind),
            "pingpong": pingpong,
        }
        return steps[operation]
