"""A matrix product: rank 0 has B and sends it to all, and each rank multiplies its rows of A.

.venv/bin/cosmic-fmi run examples/matmul/matmul.py -n 4 -- --size 600

The module blocks.py beside this script travels with it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from blocks import matrix, rows_of

import fmi


def main() -> None:
    """Run one rank."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=600, help="rows and columns")
    size = parser.parse_args().size
    with fmi.from_env() as comm:
        mine = rows_of(comm.rank, comm.size, size)
        b = matrix(range(size), size) if comm.rank == 0 else np.empty((size, size))
        comm.Bcast(b, root=0)
        product = matrix(mine, size) @ b
        print(f"rows {mine.start} to {mine.stop - 1} are done")
        np.save(Path(os.environ["OUTPUT_PATH"], f"rows-{mine.start}.npy"), product)

        # The trace of A·B, which each rank knows a part of, against the sum over all elements of A and B'.
        trace = np.zeros(1)
        comm.Allreduce(np.array([sum(product[row - mine.start, row] for row in mine)]), trace)
        if comm.rank == 0:
            whole = matrix(range(size), size)
            print(f"the trace of A·B is {trace[0]:.6f}, and should be {(whole * whole.T).sum():.6f}")


if __name__ == "__main__":
    main()
