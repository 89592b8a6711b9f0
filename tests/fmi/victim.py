"""A rank in a process of its own, for tests in which it dies: `python -m tests.fmi.victim`.

It joins a barrier, says so, and then does what its argument says; it never calls close.
"""

from __future__ import annotations

import sys

import fmi

INT = fmi.types(fmi.datatypes.int)


def main(how: str) -> None:
    comm = fmi.from_env()
    comm.barrier()
    print("ready", flush=True)
    sys.stdin.readline()
    if how == "raise":
        raise ValueError("the script is broken")
    if how == "gather":
        comm.gather(comm.rank, 0, INT)


if __name__ == "__main__":
    main(sys.argv[1])
