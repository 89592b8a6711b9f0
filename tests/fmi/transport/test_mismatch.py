"""Ranks that do not agree: each gets an error that names both calls, even if both only wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import PATIENCE_S, World

INT = fmi.types(fmi.datatypes.int)
DOUBLE = fmi.types(fmi.datatypes.double)
SUM = fmi.func(fmi.op.sum)
# Far below any deadline of these worlds, and far above what it takes.
SOON_S = 10.0


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


MISMATCHES: dict[
    str, tuple[Callable[[fmi.Communicator], Any], Callable[[fmi.Communicator], Any], str, str]
] = {
    "operation": (
        lambda comm: comm.allreduce(1, SUM, INT),
        lambda comm: comm.barrier(),
        "allreduce",
        "barrier",
    ),
    "count": (
        lambda comm: comm.send([1, 2, 3], 1, ints(3)),
        lambda comm: comm.recv(0, ints(2)),
        "3 x int64",
        "2 x int64",
    ),
    "type": (
        lambda comm: comm.allreduce(1, SUM, INT),
        lambda comm: comm.allreduce(1, SUM, DOUBLE),
        "int64",
        "float64",
    ),
    "root": (
        lambda comm: comm.bcast(1, 0, INT),
        lambda comm: comm.bcast(1, 1, INT),
        "root 0",
        "root 1",
    ),
    "root of a gather": (
        lambda comm: comm.gather(1, 0, INT),
        lambda comm: comm.gather(1, 1, INT),
        "root 0",
        "root 1",
    ),
    "root of a reduce": (
        lambda comm: comm.reduce(1, 0, SUM, INT),
        lambda comm: comm.reduce(1, 1, SUM, INT),
        "root 0",
        "root 1",
    ),
    "direction": (
        lambda comm: comm.recv(1, ints(2)),
        lambda comm: comm.recv(0, ints(3)),
        "2 x int64",
        "3 x int64",
    ),
    "nobody sends": (
        lambda comm: comm.recv(1, INT),
        lambda comm: comm.gather(1, 1, INT),
        "send(",
        "gather(",
    ),
    "function": (
        lambda comm: comm.allreduce(1, SUM, INT),
        lambda comm: comm.allreduce(1, fmi.func(fmi.op.max), INT),
        "sum",
        "max",
    ),
    "size": (
        lambda comm: comm.bcast([1] * 9, 0, ints(9)),
        lambda comm: comm.bcast(None, 0, ints(7)),
        "9 x int64",
        "7 x int64",
    ),
    "object or array": (
        lambda comm: comm.send("text", 1),
        lambda comm: comm.recv(0, INT),
        "object",
        "1 x int64",
    ),
    "sizes of arrays": (
        lambda comm: comm.Bcast(np.ones(9), 0),
        lambda comm: comm.Bcast(np.ones(8), 0),
        "9 x float64",
        "8 x float64",
    ),
    "types of arrays": (
        lambda comm: comm.Allreduce(np.ones(9), np.empty(9)),
        lambda comm: comm.Allreduce(np.ones(9, np.complex64), np.empty(9, np.complex64)),
        "float64",
        "complex64",
    ),
    "operations on arrays": (
        lambda comm: comm.Alltoall(np.ones(4), np.empty(4)),
        lambda comm: comm.Allgather(np.ones(4), np.empty(8)),
        "alltoall(",
        "allgather(",
    ),
    "roots for arrays": (
        lambda comm: comm.Gather(np.ones(4), np.empty(8), 0),
        lambda comm: comm.Gather(np.ones(4), np.empty(8), 1),
        "root 0",
        "root 1",
    ),
    "roots for large arrays": (
        lambda comm: comm.Reduce(np.ones(1 << 20), np.empty(1 << 20), root=0),
        lambda comm: comm.Reduce(np.ones(1 << 20), np.empty(1 << 20), root=1),
        "root 0",
        "root 1",
    ),
}


@pytest.mark.parametrize("what", list(MISMATCHES))
def test_ranks_that_disagree_both_get_an_error_that_names_both_calls(
    world: Callable[..., World], what: str
) -> None:
    first, second, one, other = MISMATCHES[what]

    def body(comm: fmi.Communicator) -> None:
        (first if comm.rank == 0 else second)(comm)
        comm.barrier()  # a rank that only sent learns of it in its next call

    for error in world(2).errors(body):
        assert isinstance(error, fmi.MismatchError)
        assert "rank 0" in str(error)
        assert "rank 1" in str(error)
        assert one in str(error)
        assert other in str(error)


def test_different_world_sizes_are_an_error_on_both_sides(address: Address) -> None:
    with World(2, address, "sizes") as two, World(3, address, "sizes") as three:
        comms = [two.comms[0], three.comms[1]]
        futures = [
            two.start(lambda comm: comm.barrier() if comm in comms else None)[0],
            three.start(lambda comm: comm.recv(0, INT) if comm in comms else None)[1],
        ]
        for future in futures:
            assert "world of" in str(future.exception(PATIENCE_S))
            assert isinstance(future.exception(), fmi.MismatchError)


ROOTED: dict[str, Callable[[fmi.Communicator, int], Any]] = {
    "bcast": lambda comm, root: comm.bcast(1, root, INT),
    "gather": lambda comm, root: comm.gather(1, root, INT),
    "scatter": lambda comm, root: comm.scatter([1] * comm.world_size, root, ints(comm.world_size)),
    "reduce": lambda comm, root: comm.reduce(1, root, SUM, INT),
}


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("operation", list(ROOTED))
def test_one_rank_with_another_root_is_found_before_any_deadline(
    world: Callable[..., World], operation: str, size: int
) -> None:
    def body(comm: fmi.Communicator) -> None:
        ROOTED[operation](comm, 1 if comm.rank == 1 else 0)
        comm.barrier()  # a rank whose part was only to send may be done before the others notice
        comm.barrier()  # and the one that notices may have told the others already that it is in the barrier

    everyone = world(size)
    started = time.monotonic()
    for error in everyone.errors(body):
        assert isinstance(error, fmi.MismatchError)
        assert "root 1" in str(error)  # beside it the call of whoever notices, which may be the barrier
    assert time.monotonic() - started < SOON_S


def test_ranks_that_wait_for_each_other_in_turn_are_no_mismatch(world: Callable[..., World]) -> None:
    """Long waits on both sides, one after the other, with messages on the way."""

    def body(comm: fmi.Communicator) -> int:
        total = 0
        for turn in range(4):
            if turn % 2 == comm.rank:
                time.sleep(0.25)  # the other rank says meanwhile that it waits
                comm.send(turn, 1 - comm.rank, INT)
                comm.send(turn, 1 - comm.rank, INT)
            else:
                total += comm.recv(1 - comm.rank, INT) + comm.recv(1 - comm.rank, INT)
        comm.barrier()
        return total

    assert world(2).run(body) == [8, 4]
