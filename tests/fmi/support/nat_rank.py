"""A rank behind a NAT: `python -m tests.fmi.support.nat_rank [OPERATION]`. It prints a result or an error as
JSON.

It talks to every other rank, in both directions, with more than a probe's worth of data. Then it goes on
with the operation of `tests.fmi.support.endless`, if one is given, until that fails.
"""

from __future__ import annotations

import json
import logging
import sys
import time

import numpy as np

import fmi
from tests.fmi.support.endless import OPERATIONS, loop

DOUBLES = fmi.types(fmi.datatypes.double_list, 1 << 16)


def talk(comm: fmi.Communicator) -> list[float]:
    """What each other rank sent, as one number a rank."""
    comm.barrier()
    heard = []
    for distance in range(1, comm.world_size):
        comm.send(np.full(DOUBLES.count, float(comm.rank)), (comm.rank + distance) % comm.world_size, DOUBLES)
        heard.append(float(comm.recv((comm.rank - distance) % comm.world_size, DOUBLES).mean()))
    return heard


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    started = time.monotonic()
    try:
        with fmi.from_env() as comm:
            say(heard=sorted(talk(comm)), seconds=time.monotonic() - started)
            for operation in sys.argv[1:]:
                loop(comm, OPERATIONS[operation])
    except fmi.FMIError as error:
        say(error=type(error).__name__, text=str(error))


def say(**result: object) -> None:
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
