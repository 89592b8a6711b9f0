"""Requests: overlap with computing, order, collective calls between, timeouts, errors."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.protocol.tcpunch import Address
from fmi.transport.poller import INBOX_LIMIT
from tests.fmi.support.worlds import PATIENCE_S, World, config_for, open_files

BIG = 64 << 20


def compute_until(done: Callable[[], bool]) -> int:
    """NumPy work, and nothing else, until something is done; how many rounds that took."""
    matrix = np.random.default_rng(0).normal(size=(512, 512)) / 512
    until = time.monotonic() + PATIENCE_S
    rounds = 0
    while not done() and time.monotonic() < until:
        matrix = matrix @ matrix.T / 8
        rounds += 1
    return rounds


def test_an_exchange_is_over_while_both_ranks_compute(world: Callable[..., World]) -> None:
    """`done` only looks, so whatever moved did so beside the computing."""

    def body(comm: fmi.Communicator) -> tuple[bool, int, int]:
        comm.Barrier()
        mine, theirs = np.full(BIG // 8, float(comm.rank)), np.empty(BIG // 8)
        requests = [comm.Irecv(theirs, 1 - comm.rank), comm.Isend(mine, 1 - comm.rank)]
        rounds = compute_until(lambda: all(request.done for request in requests))
        received = comm.stats()["bytes_received"]
        fmi.waitall(requests)
        return bool((theirs == 1 - comm.rank).all()), rounds, received

    for right, rounds, received in world(2).run(body):
        assert right
        assert rounds > 0
        assert received >= BIG


def test_ranks_that_have_never_met_pair_while_they_compute(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        request, sent = comm.irecv((comm.rank + 1) % 3), comm.isend(comm.rank, (comm.rank - 1) % 3)
        compute_until(lambda: request.done and sent.done)
        return request.done, request.wait()

    assert world(3).run(body) == [(True, 1), (True, 2), (True, 0)]


def test_asking_for_a_message_does_not_wait_for_its_sender(world: Callable[..., World]) -> None:
    asked = threading.Event()

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            request = comm.irecv(1)
            asked.set()
            return request.wait()
        asked.wait(PATIENCE_S)
        return comm.send("at last", 0)

    assert world(2).run(body)[0] == "at last"


@pytest.mark.parametrize("wait_backwards", [False, True])
def test_messages_fill_the_requests_in_order(kept_worlds: dict[int, World], wait_backwards: bool) -> None:
    def body(comm: fmi.Communicator) -> list[float]:
        peer = 1 - comm.rank
        buffers = [np.zeros(1000 * n) for n in range(1, 6)]
        requests = [comm.Irecv(buffer, peer) for buffer in buffers]
        for n in range(1, 6):
            sent = comm.Isend(np.full(1000 * n, float(n)), peer) if n % 2 else None
            if sent is None:
                comm.Send(np.full(1000 * n, float(n)), peer)
        for request in reversed(requests) if wait_backwards else requests:
            request.wait()
        return [float(buffer.min()) for buffer in buffers] + [float(buffer.max()) for buffer in buffers]

    assert kept_worlds[2].run(body) == [[1, 2, 3, 4, 5] * 2] * 2


@pytest.mark.parametrize("nbytes", [8, INBOX_LIMIT + 8])
def test_collective_calls_may_overtake_what_was_not_waited_for(
    world: Callable[..., World], nbytes: int
) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            request = comm.Isend(np.arange(nbytes // 8), 1)
            comm.Barrier()
            total = comm.allreduce(1, fmi.SUM)
            request.wait()
            return total
        comm.Barrier()
        total = comm.allreduce(1, fmi.SUM)
        received = np.zeros(nbytes // 8, int)
        comm.Recv(received, 0)
        return total, bool((received == np.arange(nbytes // 8)).all())

    assert world(2).run(body) == [2, (2, True)]


def test_a_request_may_be_answered_after_collective_calls(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        request = comm.irecv(1) if comm.rank == 0 else None
        totals = [comm.allreduce(n, fmi.SUM) for n in range(3)]
        comm.Barrier()
        if comm.rank == 1:
            comm.send("after", 0)
        return totals, request and request.wait()

    assert kept_worlds[2].run(body) == [([0, 2, 4], "after"), ([0, 2, 4], None)]


def test_a_timeout_of_one_wait_leaves_the_request_alone(kept_worlds: dict[int, World]) -> None:
    waited = threading.Event()

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 1:
            waited.wait(PATIENCE_S)
            return comm.send("late", 0)
        request = comm.irecv(1)
        assert not request.test()
        with pytest.raises(fmi.Timeout, match="rank 1") as caught:
            request.wait(0.05)
        assert caught.value.missing == (1,)
        waited.set()
        return request.wait(PATIENCE_S), request.wait(), request.test()

    assert kept_worlds[2].run(body)[0] == ("late", "late", True)


def test_waitany_names_one_that_is_over(kept_worlds: dict[int, World]) -> None:
    first_came = threading.Event()

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 1:
            first_came.wait(PATIENCE_S)
        if comm.rank:
            return comm.send(comm.rank, 0)
        requests = [comm.irecv(1), comm.irecv(2)]
        index = fmi.waitany(requests)
        first_came.set()
        with pytest.raises(ValueError, match="at least one"):
            fmi.waitany([])
        return index, fmi.waitall(requests)

    assert kept_worlds[3].run(body)[0] == (1, [1, 2])


def test_waitany_hands_out_each_request_once(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank:
            comm.Send(np.array([float(comm.rank)]), 0)
            return None
        buffers = np.zeros((3, 1))
        requests = [comm.Irecv(buffer, source) for source, buffer in enumerate(buffers, 1)]
        handled = []
        while (index := fmi.waitany(requests)) is not None:
            requests[index].wait()
            handled.append(index)
        return sorted(handled), buffers[:, 0].tolist()

    assert kept_worlds[4].run(body)[0] == ([0, 1, 2], [1, 2, 3])


@pytest.mark.parametrize("way", ["waitany", "wait"])
def test_the_time_of_an_answer_does_not_grow_with_the_requests_under_way(
    kept_worlds: dict[int, World], way: str
) -> None:
    """Rank 1 answers at once, rank 2 when rank 0 is through with rank 1."""

    def seconds(comm: fmi.Communicator, count: int) -> float:
        comm.Barrier()
        if comm.rank == 2:
            comm.recv(0)
        if comm.rank:
            fmi.waitall([comm.Isend(np.zeros(1), 0) for _ in range(count)])
            return 0.0
        quick, slow = ([comm.Irecv(np.zeros(1), source) for _ in range(count)] for source in (1, 2))
        started = time.thread_time()
        for request in quick:
            request.wait() if way == "wait" else fmi.waitany([*slow, *quick])
        taken = time.thread_time() - started
        comm.send("go on", 2)
        fmi.waitall(slow)
        return taken / count

    def body(comm: fmi.Communicator) -> tuple[float, float]:
        return min(seconds(comm, 50) for _ in range(3)), min(seconds(comm, 800) for _ in range(2))

    few, many = kept_worlds[3].run(body)[0]
    print(f"{1e6 * few:.0f} and {1e6 * many:.0f} µs an answer")
    assert many < 10 * few + 200e-6  # a list of 16 times the length takes longer to look through


@pytest.mark.parametrize("told_by", ["wait", "test", "waitall", "waitany"])
def test_a_request_that_its_caller_was_told_of_is_inactive(
    kept_worlds: dict[int, World], told_by: str
) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank:
            comm.recv(0)
            return comm.send("the second", 0)
        first, second = comm.isend("go", 1), comm.irecv(1)
        tell: dict[str, Callable[[], object]] = {
            "wait": first.wait,
            "test": lambda: compute_until(first.test),
            "waitall": lambda: fmi.waitall([first]),
            "waitany": lambda: fmi.waitany([first]),
        }
        tell[told_by]()
        names = [fmi.waitany([first, second]), fmi.waitany([first, second])]
        assert first.test()
        return names, fmi.waitall([first, second])

    assert kept_worlds[2].run(body)[0] == ([1, None], [None, "the second"])


def test_looking_at_done_leaves_a_request_active(kept_worlds: dict[int, World]) -> None:
    comm = kept_worlds[1].comms[0]
    requests = [comm.irecv(0), comm.isend("to me", 0)]
    assert all(request.done for request in requests)
    assert [fmi.waitany(requests) for _ in range(3)] == [0, 1, None]


@pytest.mark.parametrize("told_by", ["wait", "test", "waitany"])
def test_an_array_with_gaps_is_filled_when_its_caller_is_told(
    kept_worlds: dict[int, World], told_by: str
) -> None:
    def body(comm: fmi.Communicator) -> list[float]:
        room = np.zeros(6)
        sent, asked = comm.Isend(np.arange(3.0), 1 - comm.rank), comm.Irecv(room[::2], 1 - comm.rank)
        sent.wait()
        if told_by == "test":
            compute_until(asked.test)
        else:
            asked.wait() if told_by == "wait" else fmi.waitany([asked])
        return room.tolist()

    assert kept_worlds[2].run(body) == [[0, 0, 1, 0, 2, 0]] * 2


def test_an_array_with_gaps_is_filled_by_waitall(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        room = np.zeros(6)
        requests = [comm.Irecv(room[::2], 1 - comm.rank), comm.Isend(np.arange(3.0), 1 - comm.rank)]
        fmi.waitall(requests)
        return room.tolist()

    assert kept_worlds[2].run(body) == [[0, 0, 1, 0, 2, 0]] * 2


def test_a_rank_may_write_to_itself(kept_worlds: dict[int, World]) -> None:
    comm = kept_worlds[1].comms[0]
    asked = comm.irecv(0)
    comm.isend({"to": "me"}, 0).wait()
    assert asked.wait() == {"to": "me"}
    with pytest.raises(fmi.FMIError, match="itself, which it has not sent"):
        comm.irecv(0).wait()


@pytest.mark.parametrize("way", ["wait", "test", "any"])
@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_peer_that_is_gone_is_an_error_of_the_request(
    world: Callable[..., World], how: str, way: str
) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.Barrier()
        if comm.rank == 1:
            comm.close() if how == "close" else comm.abort("the data is bad")
            return
        request = comm.irecv(1)
        if way == "wait":
            request.wait()
        elif way == "any":
            fmi.waitany([request])
        while not request.test():
            time.sleep(0.001)

    error = world(2).errors(body)[0]
    assert isinstance(error, fmi.PeerFailure)
    assert error.rank == 1


def test_closing_ends_what_is_under_way(world: Callable[..., World]) -> None:
    everyone = world(2)
    everyone.run(lambda comm: comm.Barrier())
    comm = everyone.comms[0]
    request = comm.irecv(1)
    comm.close()
    with pytest.raises(fmi.CommunicatorClosed):
        request.wait()


def test_a_request_of_a_rank_that_waits_lets_python_run(kept_worlds: dict[int, World]) -> None:
    """The rank that sends does so after a long walk through the interpreter, which the other leaves to it."""

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            return comm.irecv(1).wait(), comm.recv(1)
        steps = 0
        for _ in range(200_000):
            steps += 1
        comm.send(steps, 0)
        for _ in range(200_000):
            steps += 1
        return comm.send(steps, 0)

    assert kept_worlds[2].run(body)[0] == (200_000, 400_000)


def test_a_forgotten_communicator_with_requests_says_goodbye(address: Address) -> None:
    with World(2, address) as everyone:
        everyone.run(lambda comm: fmi.waitall([comm.isend(1, 1 - comm.rank), comm.irecv(1 - comm.rank)]))
        future = everyone.start(lambda comm: comm.recv(1) if comm.rank == 0 else None)[0]
        del everyone.comms[1]
        gc.collect()
        assert "closed its communicator" in str(future.exception(PATIENCE_S))


def test_fifty_communicators_leave_no_descriptor_or_thread_behind(address: Address) -> None:
    def use(name: str) -> None:
        with (
            fmi.Communicator(0, 2, config_for(address), name) as mine,
            fmi.Communicator(1, 2, config_for(address), name) as other,
        ):
            requests = [mine.irecv(1), other.irecv(0), mine.isend(0, 1), other.isend(1, 0)]
            assert fmi.waitall(requests) == [1, 0, None, None]

    use("first")
    files, threads = open_files(), threading.active_count()
    for number in range(50):
        use(f"communicator {number}")
    assert open_files() <= files
    assert threading.active_count() <= threads


def test_an_array_is_the_callers_again_after_a_receive_that_found_its_message_aside(
    world: Callable[..., World],
) -> None:
    count = 50_000

    def body(comm: fmi.Communicator) -> None:
        comm.Barrier()
        if comm.rank == 0:
            requests = [comm.Isend(np.full(count, 1, np.uint8), 1)]
            comm.Barrier()  # on the way to this rank 1 sets the message aside
            requests.append(comm.Isend(np.full(count, 2, np.uint8), 1))
            for _ in range(3):
                comm.send(["an object " * count], 1)
            fmi.waitall(requests)
        else:
            comm.Barrier()
            first, second = np.empty(count, np.uint8), np.empty(count, np.uint8)
            comm.Recv(first, 0)
            comm.Recv(second, 0)
            for _ in range(3):
                comm.recv(0)
            assert (first == 1).all()
            assert (second == 2).all()
        comm.Barrier()

    world(2).run(body)
