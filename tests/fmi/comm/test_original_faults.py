"""What the original FMI gets wrong when provoked, numbered as in issue 3, each with what happens here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

import fmi
from tests.fmi.support.worlds import PATIENCE_S, World

BIG = 64 << 20
HUGE = (2 << 30) + (100 << 20)
INT = fmi.types(fmi.datatypes.int)


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


def doubles(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.double_list, n)


def test_1_a_big_message_to_a_late_receiver_arrives_whole(world: Callable[..., World]) -> None:
    """Later than the limit for a transfer that stands still, which starts when both are there."""
    n = BIG // 8
    late = threading.Event()
    timer = threading.Timer(1.0, late.set)
    timer.start()

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            comm.Send(np.arange(n), 1)
            return comm.Send(np.array([7]), 1)
        late.wait(PATIENCE_S)
        received, following = np.zeros(n, int), np.zeros(1, int)
        comm.Recv(received, 0)
        comm.Recv(following, 0)
        return bool((received == np.arange(n)).all()), int(following[0])

    assert world(2, max_timeout=300).run(body)[1] == (True, 7)
    timer.join()


@pytest.mark.parametrize("size", [2, 3])
def test_2_and_3_everyone_sends_64_mib_first_and_then_receives(
    world: Callable[..., World], size: int
) -> None:
    def body(comm: fmi.Communicator) -> bool:
        received = np.empty(BIG // 8)
        comm.Send(np.full(BIG // 8, float(comm.rank)), (comm.rank + 1) % size)
        comm.Recv(received, (comm.rank - 1) % size)
        return bool((received == (comm.rank - 1) % size).all())

    assert world(size).run(body) == [True] * size


def test_3_the_first_call_of_every_rank_is_a_send(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        comm.send(comm.rank, 1 - comm.rank, INT)
        return comm.recv(1 - comm.rank, INT)

    assert world(2).run(body) == [1, 0]


@pytest.mark.parametrize(
    "pair",
    [
        (lambda comm: comm.send([1, 2, 3], 1, ints(3)), lambda comm: comm.recv(0, ints(2))),
        (lambda comm: comm.Send(np.ones(3), 1), lambda comm: comm.Recv(np.ones(2), 0)),
        (lambda comm: comm.bcast([1, 2, 3], 0, ints(3)), lambda comm: comm.bcast(None, 0, ints(2))),
        (lambda comm: comm.Bcast(np.ones(3)), lambda comm: comm.Bcast(np.ones(2))),
    ],
    ids=["send", "Send", "bcast", "Bcast"],
)
def test_6_sizes_that_differ_are_an_error_before_the_next_message(
    world: Callable[..., World], pair: tuple[Callable[..., Any], Callable[..., Any]]
) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        pair[comm.rank](comm)
        return comm.allreduce(1, fmi.SUM)

    for error in world(2).errors(body):
        assert isinstance(error, fmi.MismatchError)
        assert "3 x" in str(error)
        assert "2 x" in str(error)


def test_7_a_function_on_lists_keeps_its_order(kept_worlds: dict[int, World]) -> None:
    function = fmi.func(fmi.op.custom, lambda a, b: 10 * a + b, False, False)
    results = kept_worlds[5].run(lambda comm: comm.allreduce([comm.rank] * 2, function, ints(2)))
    assert results == [[1234, 1234]] * 5


def test_8_a_rank_that_waits_leaves_the_interpreter_to_others(kept_worlds: dict[int, World]) -> None:
    """The sender is a thread of the same interpreter, and has a lot of Python to run first."""

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            return comm.recv(1, INT)
        return comm.send(sum(1 for _ in range(300_000)), 0, INT)

    assert kept_worlds[2].run(body)[0] == 300_000


def test_9_arrays_and_tuples_are_taken(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        from_tuple = comm.allreduce((1.0, 2.0), fmi.SUM, doubles(2))
        return from_tuple, comm.allreduce(np.ones(2), fmi.SUM, doubles(2)).tolist()

    assert kept_worlds[3].run(body) == [([3.0, 6.0], [3.0, 3.0])] * 3


@pytest.mark.timeout(400)
@pytest.mark.skipif(
    psutil.virtual_memory().available < 2 * HUGE, reason="less than 4 GiB of memory are free, for one of 2.1"
)
def test_a_message_may_be_larger_than_2_gib(world: Callable[..., World]) -> None:
    """The sender's zeros take no memory, so this needs that of the receiver only."""
    marks = [0, (1 << 31) - 1, 1 << 31, HUGE - 1]

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            data = np.zeros(HUGE, np.uint8)
            data[marks] = [1, 2, 3, 4]
            comm.Send(data, 1)
            return comm.send("after", 1)
        received = np.empty(HUGE, np.uint8)
        comm.Recv(received, 0)
        return received[marks].tolist(), int(np.count_nonzero(received)), comm.recv(0)

    futures = world(2).start(body)
    assert futures[1].result(10 * PATIENCE_S) == ([1, 2, 3, 4], 4, "after")
    futures[0].result(PATIENCE_S)
