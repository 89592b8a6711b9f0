"""gloo, and MPI through mpi4py, over TCP."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from benchmarks.fmi.system import Step, System


class Gloo(System):
    """gloo as torch.distributed brings it; it has TCP only."""

    def __init__(self, rank: int, size: int, rendezvous: tuple[str, int]) -> None:
        super().__init__(rank, size, rendezvous)
        import torch  # noqa: F401, PLC0415 - takes seconds, and only this system needs it

        os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"

    def set_up(self, name: str, port: int) -> None:
        """Meet at a TCP store of the first rank."""
        import torch.distributed as dist  # noqa: PLC0415

        if dist.is_initialized():
            dist.destroy_process_group()
        where = f"tcp://127.0.0.1:{port}"
        dist.init_process_group(
            "gloo", init_method=where, rank=self.rank, world_size=self.size, group_name=name
        )

    def barrier(self) -> None:
        """Wait for all ranks."""
        import torch.distributed as dist  # noqa: PLC0415

        dist.barrier()

    def prepare(self, operation: str, nbytes: int) -> Step:
        """Tensors of doubles."""
        import torch  # noqa: PLC0415
        import torch.distributed as dist  # noqa: PLC0415

        root = self.rank == 0
        mine = torch.ones(max(nbytes // 8, 1), dtype=torch.float64)
        everything = [torch.empty_like(mine) for _ in range(self.size)] if root else None

        def pingpong() -> None:
            if root:
                dist.send(mine, 1)
                dist.recv(mine, 1)
            else:
                dist.recv(mine, 0)
                dist.send(mine, 0)

        steps: dict[str, Step] = {
            "barrier": dist.barrier,
            "allreduce": lambda: dist.all_reduce(mine),
            "bcast": lambda: dist.broadcast(mine, 0),
            "reduce": lambda: dist.reduce(mine, 0),
            "gather": lambda: dist.gather(mine, everything, 0),
            "pingpong": pingpong,
        }
        return steps[operation]


class Mpi(System):
    """mpi4py on Open MPI, started by mpirun with TCP as the only transport between processes."""

    comm: Any = None

    def __init__(self, rank: int, size: int, rendezvous: tuple[str, int]) -> None:
        super().__init__(rank, size, rendezvous)
        import mpi4py  # noqa: PLC0415 - only under mpirun

        mpi4py.rc.initialize = mpi4py.rc.finalize = False
        from mpi4py import MPI  # noqa: PLC0415

        self._mpi: Any = MPI

    def set_up(self, name: str, port: int) -> None:  # noqa: ARG002 - mpirun knows where everyone is
        """Initialize; possible once in a process."""
        self._mpi.Init()
        self.comm = self._mpi.COMM_WORLD

    def barrier(self) -> None:
        """Wait for all ranks."""
        self.comm.Barrier()

    def close(self) -> None:
        """Finalize."""
        if self.comm is not None:
            self._mpi.Finalize()

    def prepare(self, operation: str, nbytes: int) -> Step:
        """Arrays of doubles."""
        comm, root = self.comm, self.rank == 0
        mine, result = np.full(nbytes // 8, 1.0), np.empty(nbytes // 8)
        everything = np.empty(result.size * self.size) if root else None

        def pingpong() -> None:
            if root:
                comm.Send(mine, 1)
                comm.Recv(mine, 1)
            else:
                comm.Recv(mine, 0)
                comm.Send(mine, 0)

        steps: dict[str, Step] = {
            "barrier": comm.Barrier,
            "allreduce": lambda: comm.Allreduce(mine, result),
            "bcast": lambda: comm.Bcast(mine, 0),
            "reduce": lambda: comm.Reduce(mine, result if root else None, root=0),
            "gather": lambda: comm.Gather(mine, everything, 0),
            "pingpong": pingpong,
        }
        return steps[operation]
