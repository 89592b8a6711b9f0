"""Heat in a plate: a stencil that each rank applies to its rows, and a halo exchange after each step.

.venv/bin/cosmic-fmi run examples/plate/plate.py -n 4 -- --size 64 --steps 400

Laplace's equation by Jacobi's iteration. The upper edge is hot, the others are cold. Rank 0 puts the picture
together, a portable graymap that most viewers open.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

import fmi

Array = npt.NDArray[np.float64]


def exchange(comm: fmi.Communicator, plate: Array) -> None:
    """Get the neighbours' outermost rows into this rank's first and last one."""
    above, below = comm.rank - 1, comm.rank + 1
    if comm.rank % 2:  # odd ranks begin upwards and even ones downwards: every exchange has its partner
        swap(comm, above, plate[1], plate[0])
        swap(comm, below, plate[-2], plate[-1])
    else:
        swap(comm, below, plate[-2], plate[-1])
        swap(comm, above, plate[1], plate[0])


def swap(comm: fmi.Communicator, other: int, out: Array, into: Array) -> None:
    """Exchange a row with a neighbour, if there is one."""
    if 0 <= other < comm.size:
        comm.Sendrecv(out, other, into, other)


def main() -> None:
    """Run one rank."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=64, help="rows and columns of the plate")
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    size = arguments.size
    with fmi.from_env() as comm:
        rows = size // comm.size + (comm.rank < size % comm.size)
        plate = np.zeros((rows + 2, size))
        if comm.rank == 0:
            plate[0] = 100.0
        change = np.zeros(1)
        for step in range(1, arguments.steps + 1):
            exchange(comm, plate)
            inner = 0.25 * (plate[:-2, 1:-1] + plate[2:, 1:-1] + plate[1:-1, :-2] + plate[1:-1, 2:])
            moved = np.array([np.abs(inner - plate[1:-1, 1:-1]).max()])
            plate[1:-1, 1:-1] = inner
            if step % 100 == 0:
                comm.Allreduce(moved, change, fmi.MAX)
                if comm.rank == 0:
                    print(f"step {step}: the largest change is {change[0]:.4f} K", flush=True)
        whole = np.empty((size, size)) if comm.rank == 0 else None
        counts = [size * (size // comm.size + (rank < size % comm.size)) for rank in range(comm.size)]
        comm.Gatherv(plate[1:-1], whole, counts)
        if whole is not None:
            gray = (2.55 * whole).astype(np.uint8)
            picture = Path(os.environ["OUTPUT_PATH"], "plate.pgm")
            picture.write_bytes(b"P5 %d %d 255\n" % (size, size) + gray.tobytes())
            print(f"the middle of the plate has {whole[size // 2, size // 2]:.2f} degrees")


if __name__ == "__main__":
    main()
