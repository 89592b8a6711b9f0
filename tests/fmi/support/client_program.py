"""A program as people write it for the original FMI: `python client_program.py WORLD_SIZE RANK`.

It makes every call of the original interface with every type, in a world of any size, and prints what each
one returned, as JSON. Its configuration is named relative to the working folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import fmi

INT = fmi.types(fmi.datatypes.int)
DOUBLE = fmi.types(fmi.datatypes.double)
INTS = fmi.types(fmi.datatypes.int_list, 2)
DOUBLES = fmi.types(fmi.datatypes.double_list, 2)
KINDS = {"int": INT, "double": DOUBLE, "ints": INTS, "doubles": DOUBLES}
FUNCTIONS = {
    "sum": fmi.func(fmi.op.sum),
    "prod": fmi.func(fmi.op.prod),
    "max": fmi.func(fmi.op.max),
    "min": fmi.func(fmi.op.min),
    "twice the sum": fmi.func(fmi.op.custom, lambda a, b: 2 * a + 2 * b, True, True),
    "digits": fmi.func(fmi.op.custom, lambda a, b: 3 * a + b, False, False),
}


def value(kind: str, rank: int) -> Any:  # noqa: ANN401 - a number or a list of numbers
    """What a rank passes; halves, so that no sum or product of a few is rounded."""
    values: dict[str, Any] = {
        "int": rank + 2,
        "double": rank + 1.5,
        "ints": [rank + 1, 9 - rank],
        "doubles": [rank / 2, 4.5 - rank],
    }
    return values[kind]


def calls(comm: fmi.Communicator, rank: int, size: int) -> Iterator[tuple[str, Any]]:
    """Every call's name and what it returned."""
    comm.hint(fmi.hints.fast)
    comm.barrier()
    for name, kind in KINDS.items():
        if rank == 0:
            comm.send(value(name, 0), size - 1, kind)
        elif rank == size - 1:
            yield f"recv {name}", comm.recv(0, kind)
    for name, kind in KINDS.items():
        yield f"bcast {name}", comm.bcast(value(name, 0) if rank == 0 else None, 0, kind)
        yield f"gather {name}", comm.gather(value(name, rank), 0, kind)
    whole = [number / 2 for number in range(2 * size)]
    doubles = fmi.types(fmi.datatypes.double_list, 2 * size)
    yield "scatter ints", comm.scatter([*range(size)], 0, fmi.types(fmi.datatypes.int_list, size))
    yield "scatter doubles", comm.scatter(whole if rank == 0 else None, 0, doubles)
    for name, kind in KINDS.items():
        for what, function in FUNCTIONS.items():
            mine = value(name, rank)
            yield f"reduce {name} {what}", comm.reduce(mine, 0, function, kind)
            yield f"allreduce {name} {what}", comm.allreduce(mine, function, kind)
            yield f"scan {name} {what}", comm.scan(mine, function, kind)


if __name__ == "__main__":
    SIZE, RANK = int(sys.argv[1]), int(sys.argv[2])
    COMM = fmi.Communicator(RANK, SIZE, "config/fmi.json", "client", 512)
    print(json.dumps(dict(calls(COMM, RANK, SIZE))))
