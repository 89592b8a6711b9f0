"""A rank behind a NAT: `python -m tests.fmi.nat_rank`. It prints one line of JSON: a result, or an error.

It talks to every other rank, in both directions, with more than a probe's worth of data.
"""

from __future__ import annotations

import json
import logging
import sys
import time

import numpy as np

import fmi

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
            print(json.dumps({"heard": sorted(talk(comm)), "seconds": time.monotonic() - started}))
    except fmi.FMIError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))


if __name__ == "__main__":
    main()
