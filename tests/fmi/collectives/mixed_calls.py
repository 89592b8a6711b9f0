"""A rank of a random program of calls that wait, calls that do not, persistent ones and messages.

python -m tests.fmi.collectives.mixed_calls SEED CALLS

All ranks draw the same calls; when they wait for which request, each draws on its own. Results are compared
with NumPy's, from the data of all ranks, which everybody can make.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import fmi

Array = np.ndarray[Any, Any]
SIZES = (0, 1, 3, 1000, 20_000, 200_000)
Check = Callable[[], None]


def operand(number: int, rank: int, count: int) -> Array:
    """What a rank passes to a call."""
    return np.random.default_rng([number, rank]).integers(0, 100, count)


class Calls:
    """One call of each kind, in all three ways, with what it should come to."""

    def __init__(self, comm: fmi.Communicator) -> None:
        self.comm = comm

    def make(self, kind: str, number: int, count: int, root: int) -> tuple[list[Any], Check]:
        """The arguments of a call, and a check of its result."""
        rank, size = self.comm.rank, self.comm.size
        mine = operand(number, rank, count)
        everyone = [operand(number, other, count) for other in range(size)]
        result, whole = np.full(count, -1), np.full(count * size, -1)
        at_root = rank == root
        blocks = [each[: count // size * size].reshape(size, -1) for each in everyone]
        block = np.full(count // size, -1)
        cases: dict[str, tuple[list[Any], Array, Array | None]] = {
            "barrier": ([], result, None),
            "bcast": ([mine, root], mine, everyone[root]),
            "gather": ([mine, whole, root], whole, np.concatenate(everyone) if at_root else None),
            "scatter": ([blocks[rank], block, root], block, blocks[root][rank]),
            "allgather": ([mine, whole], whole, np.concatenate(everyone)),
            "alltoall": ([blocks[rank], into := np.full_like(blocks[rank], -1)], into, self._column(blocks)),
            "reduce": ([mine, result, fmi.MAX, root], result, np.max(everyone, 0) if at_root else None),
            "allreduce": ([mine, result, fmi.SUM], result, np.sum(everyone, 0)),
            "reduce_scatter": (
                [mine, share := np.full(len(range(rank, count, size)), -1)],
                share,
                np.array_split(np.sum(everyone, 0), size)[rank],
            ),
            "scan": ([mine, result], result, np.sum(everyone[: rank + 1], 0)),
            "exscan": ([mine, result], result, np.sum(everyone[:rank], 0) if rank else None),
        }
        arguments, found, expected = cases[kind]

        def check() -> None:
            if expected is not None:
                np.testing.assert_array_equal(found, expected, f"{kind} {number} of {count}")

        return arguments, check

    def _column(self, blocks: list[Array]) -> Array:
        return np.stack([each[self.comm.rank] for each in blocks])


KINDS = [
    *("barrier", "bcast", "gather", "scatter", "allgather", "alltoall"),
    *("reduce", "allreduce", "reduce_scatter", "scan", "exscan"),
]


class Program:
    """Draws calls and makes them."""

    def __init__(self, comm: fmi.Communicator, seed: int) -> None:
        self.comm = comm
        self.calls = Calls(comm)
        self.shared = random.Random(seed)  # noqa: S311 - a reproducible program
        self.own = random.Random(f"{seed} {comm.rank}")  # noqa: S311
        self.pending: list[tuple[fmi.Request[Any], Check]] = []
        self.persistent: dict[str, tuple[fmi.PersistentRequest, Check]] = {}

    def run(self, count: int) -> None:
        """Make so many calls, and wait for all."""
        for number in range(count):
            getattr(self, self.shared.choice(["waiting", "starting", "starting", "again", "message"]))(number)
            for _ in range(self.own.randrange(3)):
                self.finish_one()
        while self.pending:
            self.finish_one()

    def draw(self, number: int) -> tuple[str, list[Any], Check]:
        """The same call on all ranks."""
        kind = self.shared.choice(KINDS)
        count, root = self.shared.choice(SIZES), self.shared.randrange(self.comm.size)
        return kind, *self.calls.make(kind, number, count, root)

    def waiting(self, number: int) -> None:
        kind, arguments, check = self.draw(number)
        getattr(self.comm, kind.capitalize())(*arguments)
        check()

    def starting(self, number: int) -> None:
        kind, arguments, check = self.draw(number)
        self.pending.append((getattr(self.comm, f"I{kind}")(*arguments), check))

    def again(self, number: int) -> None:
        kind, arguments, check = self.draw(number)
        if kind not in self.persistent:
            self.persistent[kind] = getattr(self.comm, f"{kind.capitalize()}_init")(*arguments), check
        request, check = self.persistent[kind]
        request.wait()
        request.Start()
        self.pending.append((request, check))

    def message(self, number: int) -> None:
        rank, size = self.comm.rank, self.comm.size
        count = self.shared.choice(SIZES)
        before = (rank - 1) % size
        into = np.full(count, -1)

        def check() -> None:
            np.testing.assert_array_equal(into, operand(number, before, count))

        self.pending.append((self.comm.Irecv(into, before), check))
        sent = operand(number, rank, count)
        self.pending.append((self.comm.Isend(sent, (rank + 1) % size), lambda: None))

    def finish_one(self) -> None:
        if not self.pending:
            return
        way = self.own.choice(["wait", "test", "any"])
        if way == "any":
            index = fmi.waitany([request for request, _ in self.pending])
            index = 0 if index is None else index
        else:
            index = self.own.randrange(len(self.pending))
        request, check = self.pending[index]
        if way == "test" and not request.test():
            return
        request.wait()
        self.pending.pop(index)
        check()


def main() -> None:
    """Run one program."""
    seed, count = map(int, sys.argv[1:])
    with fmi.from_env() as comm:
        Program(comm, seed).run(count)
        comm.barrier()
    print("done", flush=True)


if __name__ == "__main__":
    main()
