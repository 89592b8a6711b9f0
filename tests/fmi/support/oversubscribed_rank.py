"""A rank in its own process, for worlds with more ranks than cores: python -m
tests.fmi.support.oversubscribed_rank

It prints the results of the operations; every third round it computes for a while, so that others wait.
"""

from __future__ import annotations

import numpy as np

import fmi

ROUNDS = 60


def main() -> None:
    with fmi.from_env() as comm:
        mine, total = np.full(1000, float(comm.rank)), np.empty(1000)
        large, everything = np.ones(200_003), np.empty(200_003)
        for turn in range(ROUNDS):
            if turn % 3 == 0 and comm.rank == turn % comm.world_size:
                np.linalg.eigvalsh(np.random.default_rng(turn).normal(size=(120, 120)))
            comm.Allreduce(mine, total)
            comm.Barrier()
        comm.Allreduce(large, everything)
        print(total[0], total[-1], everything.min(), everything.max())


if __name__ == "__main__":
    main()
