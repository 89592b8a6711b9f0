"""Collective calls that do not wait, and persistent ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

import fmi
import tests.fmi.support.folder_channel  # noqa: F401 - registers the channel named Folder
from fmi.protocol.tcpunch import Address
from tests.fmi.support.ranks import line, rank_process
from tests.fmi.support.worlds import PATIENCE_S, World

LARGE = 400_000


@pytest.mark.parametrize(("seed", "size"), [(1, 2), (2, 3), (3, 4), (4, 5)])
def test_any_mix_of_calls_gives_the_results_of_numpy(address: Address, seed: int, size: int) -> None:
    """Each rank waits for its requests in an order of its own."""
    command = ("tests.fmi.collectives.mixed_calls", str(seed), "60")
    with ExitStack() as stack:
        ranks = [
            stack.enter_context(rank_process(address, f"mixed {seed}", rank, size, *command))
            for rank in range(size)
        ]
        outputs = [line(rank) for rank in ranks]
        errors = [rank.communicate(timeout=PATIENCE_S)[1] for rank in ranks]
    assert outputs == ["done"] * size, errors


def test_several_calls_end_in_any_order(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> list[float]:
        results = [np.zeros(n) for n in (1, 1000, LARGE)]
        requests = [comm.Iallreduce(np.full(each.size, 1.0 + comm.rank), each) for each in results]
        for request in reversed(requests):
            request.wait()
        return [float(each.min()) for each in results] + [float(each.max()) for each in results]

    assert kept_worlds[4].run(body) == [[10.0] * 6] * 4


def test_calls_that_wait_overtake_those_that_do_not(kept_worlds: dict[int, World]) -> None:
    started = threading.Event()

    def body(comm: fmi.Communicator) -> tuple[int, bool]:
        if comm.rank == 0:
            total = comm.allreduce(1, fmi.SUM)
            started.wait(PATIENCE_S)
            comm.Ibarrier().wait()
            return total, True
        request = comm.Ibarrier()
        total = comm.allreduce(1, fmi.SUM)
        early = request.test()
        started.set()
        request.wait()
        return total, not early

    assert kept_worlds[2].run(body) == [(2, True)] * 2


def test_a_call_goes_on_while_its_rank_waits_in_another(kept_worlds: dict[int, World]) -> None:
    """Rank 1 sends what rank 0 waits for only after the reduction, which takes both."""

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        total = np.zeros(LARGE)
        request = comm.Iallreduce(np.ones(LARGE), total)
        if comm.rank == 0:
            word = comm.recv(1)
            request.wait()
            return word, total[-1]
        request.wait()
        comm.send("after it", 0)
        return total[-1]

    assert kept_worlds[2].run(body) == [("after it", 2.0), 2.0]


def test_a_call_goes_on_while_its_caller_computes(kept_worlds: dict[int, World]) -> None:
    """Rank 0 makes no call of fmi until rank 1 says that the reduction is over there."""
    over = threading.Event()

    def body(comm: fmi.Communicator) -> float:
        total = np.zeros(LARGE)
        request = comm.Iallreduce(np.ones(LARGE), total)
        if comm.rank == 1:
            request.wait()
            over.set()
        assert over.wait(PATIENCE_S)
        request.wait()
        return float(total.min())

    assert kept_worlds[2].run(body) == [2.0, 2.0]


def test_a_persistent_call_reads_its_arrays_at_each_start(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> list[float]:
        mine, total = np.zeros((4, 6))[:, ::2], np.zeros((4, 3))  # mine is not contiguous
        request = comm.Allreduce_init(mine, total)
        assert request.done
        assert request.wait() is None
        found = []
        for value in range(3):
            mine[...] = value + comm.rank
            request.start()
            with pytest.raises(fmi.FMIError, match="again"):
                request.start()
            request.wait()
            found.append(float(total.sum()))
        return found

    assert kept_worlds[3].run(body) == [[36.0, 72.0, 108.0]] * 3


def test_waitany_and_waitall_take_all_kinds_of_requests(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        other = 1 - comm.rank
        total, barrier = np.zeros(2), comm.Barrier_init()
        barrier.Start()
        requests = [comm.Iallreduce(np.ones(2), total), comm.irecv(other), comm.isend("word", other), barrier]
        seen = []
        while (index := fmi.waitany(requests)) is not None:
            seen.append(index)
        return sorted(seen), fmi.waitall(requests), total.tolist()

    expected = [0, 1, 2, 3], [None, "word", None, None], [2.0, 2.0]
    assert kept_worlds[2].run(body) == [expected] * 2


def test_blocks_of_unlike_sizes(kept_worlds: dict[int, World]) -> None:
    counts = [3, 0, 2]

    def body(comm: fmi.Communicator) -> list[list[int]]:
        mine, whole, back = np.full(counts[comm.rank], comm.rank), np.zeros(5, int), np.zeros(5, int)
        into = np.zeros(counts[comm.rank], int)
        comm.Igatherv(mine, whole, counts, root=2).wait()
        comm.Iallgatherv(mine, back, counts).wait()
        comm.Iscatterv(back, into, counts, root=1).wait()
        return [whole.tolist(), back.tolist(), into.tolist()]

    everything = [0, 0, 0, 2, 2]
    found = kept_worlds[3].run(body)
    assert [each[0] for each in found] == [[0] * 5, [0] * 5, everything]
    assert [each[1] for each in found] == [everything] * 3
    assert [each[2] for each in found] == [[0, 0, 0], [], [2, 2]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda comm: comm.Ibcast(np.zeros(4)), lambda comm: comm.Iallreduce(np.zeros(4), np.zeros(4))),
        (lambda comm: comm.Ibcast(np.zeros(4)), lambda comm: comm.Ibcast(np.zeros(5))),
    ],
)
def test_ranks_that_start_other_calls_are_named(
    world: Callable[..., World], first: Callable[..., Any], second: Callable[..., Any]
) -> None:
    def body(comm: fmi.Communicator) -> None:
        (second if comm.rank else first)(comm).wait()
        comm.Barrier()

    errors = world(2, peer_timeout=3000).errors(body)
    assert any(isinstance(error, fmi.MismatchError) for error in errors), errors
    assert any("ibcast" in str(error) for error in errors)


def test_ranks_that_wait_for_each_other_run_into_the_time_limit(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        (comm.Ibcast(np.zeros(4)) if comm.rank else comm.Ireduce(np.zeros(4), np.zeros(4))).wait()

    errors = world(2, peer_timeout=500).errors(body)
    assert any(isinstance(error, fmi.Timeout) for error in errors), errors
    assert all(isinstance(error, fmi.Timeout | fmi.PeerFailure) for error in errors), errors


def test_a_rank_that_fails_is_a_failure_of_those_that_wait(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        request = comm.Ibarrier() if comm.rank else None
        if request is None:
            comm.abort("no more")
        else:
            request.wait()

    errors = world(3).errors(body)
    assert errors[0] is None
    for error in errors[1:]:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 0


def test_a_rank_that_closed_is_a_failure_of_those_that_wait(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.Barrier()
        if comm.rank:
            comm.Ibarrier().wait()
        else:
            comm.close()

    errors = world(2).errors(body)
    assert errors[0] is None
    assert isinstance(errors[1], fmi.PeerFailure)


def test_a_rank_that_does_not_start_the_call_is_named(world: Callable[..., World]) -> None:
    done = threading.Event()

    def body(comm: fmi.Communicator) -> None:
        comm.Barrier()
        if comm.rank == 0:
            done.wait(PATIENCE_S)
            return
        try:
            request = comm.Ibarrier()
            with pytest.raises(fmi.Timeout, match="ibarrier"):
                request.wait(0.05)
            request.wait()
        finally:
            done.set()

    errors = world(2, peer_timeout=500).errors(body)
    assert isinstance(errors[1], fmi.Timeout)
    assert errors[1].missing == (0,)


def test_an_error_of_a_custom_function_closes_the_communicator(world: Callable[..., World]) -> None:
    def fail(left: Any, right: Any) -> Any:  # noqa: ANN401, ARG001
        raise ZeroDivisionError("of the function")

    function = fmi.func(fmi.op.custom, fail)

    def body(comm: fmi.Communicator) -> None:
        comm.Iallreduce(np.zeros(2), np.zeros(2), function).wait()

    errors = world(2).errors(body)
    assert all(error is not None for error in errors)
    assert any("ZeroDivisionError" in f"{type(error).__name__} {error}" for error in errors)


@pytest.mark.parametrize("channel", ["Redis", "S3", "Folder"])
def test_calls_that_do_not_wait_work_over_storage(channel_world: Callable[..., World], channel: str) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        totals, words = [np.zeros(3), np.zeros(3)], np.zeros((comm.size, 2))
        requests = [
            comm.Iallreduce(np.ones(3), totals[0]),
            comm.Iallgather(np.full(2, float(comm.rank)), words),
            comm.Iscan(np.ones(3), totals[1]),
            comm.Ibarrier(),
        ]
        comm.barrier()
        fmi.waitall(reversed(requests))
        return [*(each[0] for each in totals), *words[:, 1]]

    found = channel_world(3, channel).run(body)
    assert found == [[3.0, rank + 1.0, 0.0, 1.0, 2.0] for rank in range(3)]
