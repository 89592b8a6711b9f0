"""A rank in a process of its own, for tests in which it dies: `python -m tests.fmi.support.victim`.

It joins a barrier, says so, and then does what its argument says; it never calls close.
"""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

import fmi
from tests.fmi.support.worlds import BIG

INT = fmi.types(fmi.datatypes.int)
FREEZE_S = 1.0


def main(how: str) -> None:
    comm = fmi.from_env()
    comm.barrier()
    print("ready", flush=True)
    sys.stdin.readline()
    if how == "raise":
        raise ValueError("the script is broken")
    if how == "gather":
        comm.gather(comm.rank, 0, INT)
    if how == "freeze":
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
        signal.setitimer(signal.ITIMER_REAL, FREEZE_S)
        n = 4 * BIG // 8  # more than sockets hold, so that it is not through by then
        comm.send(np.zeros(n), 0, fmi.types(fmi.datatypes.double_list, n))


if __name__ == "__main__":
    main(sys.argv[1])
