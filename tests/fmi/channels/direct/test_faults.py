"""What goes wrong, provoked: dead, late, missing and disagreeing ranks, big messages against each other."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import fmi
from fmi._datatypes import Value
from fmi.protocol.tcpunch import Address
from tests.fmi.support.ranks import line, rank_process
from tests.fmi.support.worlds import BIG, PATIENCE_S, World, config_for, open_files, serving

INT = fmi.types(fmi.datatypes.int)
DOUBLE = fmi.types(fmi.datatypes.double)
SUM = fmi.func(fmi.op.sum)


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


def doubles(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.double_list, n)


@contextmanager
def victim(address: Address, world: World, how: str = "wait") -> Iterator[subprocess.Popen[str]]:
    """The last rank of the world, in a process of its own; the world must not use its own last rank."""
    last = world.size - 1
    with rank_process(address, world.name, last, world.size, "tests.fmi.support.victim", how) as process:
        yield process


def join(process: subprocess.Popen[str], world: World) -> list[fmi.Communicator]:
    """Bring all ranks to the first barrier; the communicators of the others."""
    others = world.comms[:-1]
    for future in world.start(lambda comm: comm.barrier(), others):
        future.result(PATIENCE_S)
    assert line(process) == "ready"
    return others


BEFORE: dict[str, Callable[[fmi.Communicator], Any]] = {
    "barrier": lambda comm: comm.barrier(),
    "bcast": lambda comm: comm.bcast(1, comm.world_size - 1, INT),
    "gather": lambda comm: comm.gather(1, 0, INT),
    "recv": lambda comm: comm.recv(comm.world_size - 1, INT),
}


@pytest.mark.parametrize("operation", list(BEFORE))
def test_a_rank_that_dies_before_an_operation_is_a_failure_of_it_within_two_seconds(
    address: Address, world: Callable[..., World], operation: str
) -> None:
    """See test_killed.py for one that dies in the middle."""
    everyone = world(4)
    with victim(address, everyone) as process:
        others = join(process, everyone)

        def body(comm: fmi.Communicator) -> None:
            BEFORE[operation](comm)
            comm.barrier()  # a rank that is done early needs the dead one here

        futures = everyone.start(body, others)
        process.kill()
        killed = time.monotonic()
        errors = [future.exception(PATIENCE_S) for future in futures]
    assert time.monotonic() - killed < 2
    for error in errors:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 3


def test_a_rank_that_freezes_in_the_middle_of_a_message_is_named_at_the_stall_limit(
    address: Address, world: Callable[..., World]
) -> None:
    """Its host is alive and so is its connection: only time can tell, and not the time for a late rank."""
    everyone = world(2, stall_timeout=300)
    with victim(address, everyone, "freeze") as process:
        (mine,) = join(process, everyone)
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        n = 4 * BIG // 8
        with pytest.raises(fmi.Timeout, match="rank 1 stopped in the middle of a message") as caught:
            mine.recv(1, doubles(n))
        assert caught.value.missing == (1,)


def test_a_script_that_raises_tells_the_others_why(address: Address, world: Callable[..., World]) -> None:
    everyone = world(3)
    with victim(address, everyone, "raise") as process:
        others = join(process, everyone)
        futures = everyone.start(lambda comm: comm.barrier() if comm in others else None)
        process.communicate("go\n", PATIENCE_S)
        errors = [future.exception(PATIENCE_S) for future in futures[:-1]]
    for error in errors:
        assert isinstance(error, fmi.PeerFailure)
        assert (error.rank, error.reason) == (2, "ValueError: the script is broken")


def test_a_process_that_ends_early_but_well_disturbs_nobody(
    address: Address, world: Callable[..., World]
) -> None:
    everyone = world(3)
    with victim(address, everyone, "gather") as process:
        others = join(process, everyone)
        ended = threading.Event()

        def body(comm: fmi.Communicator) -> Value:
            if comm not in others:
                return None
            if comm.rank == 1:
                ended.wait(PATIENCE_S)
            return comm.gather(comm.rank, 0, INT)

        futures = everyone.start(body)
        process.communicate("go\n", PATIENCE_S)
        ended.set()
        assert futures[0].result(PATIENCE_S) == [0, 1, 2]
    assert process.returncode == 0


def test_abort_reaches_connected_waiting_and_late_ranks(world: Callable[..., World]) -> None:
    everyone = world(4)
    late = threading.Event()

    def meet(comm: fmi.Communicator) -> None:
        if comm.rank == 0:
            comm.send(1, 1, INT)
        elif comm.rank == 1:
            comm.recv(0, INT)

    everyone.run(meet)

    def body(comm: fmi.Communicator) -> None:
        if comm.rank == 0:
            comm.abort("the data is bad")
            late.set()
        elif comm.rank == 3:
            late.wait(PATIENCE_S)
            comm.recv(0, INT)
        else:
            comm.recv(0, INT)

    started = time.monotonic()
    errors = everyone.errors(body)
    assert time.monotonic() - started < 3
    assert errors[0] is None
    for error in errors[1:]:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 0
        assert "the data is bad" in error.reason


def test_an_error_in_a_custom_function_is_its_own_here_and_a_peer_failure_there(
    world: Callable[..., World],
) -> None:
    def body(comm: fmi.Communicator) -> None:
        def divide(a: int, b: int) -> int:
            return a // 0 if comm.rank == 1 else a + b

        comm.scan(1, fmi.func(fmi.op.custom, divide), INT)  # in which rank 1 calls the function
        comm.barrier()

    everyone = world(3)
    errors = everyone.errors(body)
    assert isinstance(errors[1], ZeroDivisionError)
    for rank in (0, 2):
        error = errors[rank]
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 1
        assert "ZeroDivisionError" in error.reason
    for comm, kind in zip(
        everyone.comms, (fmi.PeerFailure, fmi.CommunicatorClosed, fmi.PeerFailure), strict=True
    ):
        with pytest.raises(kind):
            comm.barrier()


def test_a_rank_that_never_comes_is_named(world: Callable[..., World]) -> None:
    everyone = world(4, peer_timeout=400)
    errors = everyone.errors(lambda comm: comm.barrier() if comm.rank < 3 else None)
    timeouts = [error for error in errors if isinstance(error, fmi.Timeout)]
    assert timeouts
    for timeout in timeouts:
        assert timeout.missing == (3,)
        assert "rank 3" in str(timeout)
    for error in errors[:3]:
        assert isinstance(error, fmi.Timeout | fmi.PeerFailure)
        assert isinstance(error, fmi.Timeout) or error.rank == 3


def test_a_connected_rank_that_sends_nothing_is_named(world: Callable[..., World]) -> None:
    everyone = world(2, peer_timeout=300)
    everyone.run(lambda comm: comm.barrier())
    errors = everyone.errors(lambda comm: comm.recv(1, INT) if comm.rank == 0 else None)
    assert isinstance(errors[0], fmi.Timeout)
    assert errors[0].missing == (1,)


def test_a_late_rank_is_no_fault(world: Callable[..., World]) -> None:
    everyone = world(3, max_timeout=100)
    late = threading.Event()
    timer = threading.Timer(0.4, late.set)
    timer.start()

    def body(comm: fmi.Communicator) -> int:
        if comm.rank == 2:
            late.wait(PATIENCE_S)
        total: int = comm.allreduce(comm.rank, SUM, INT)
        return total

    assert everyone.run(body) == [3, 3, 3]
    timer.join()


def test_a_server_out_of_reach_is_named(address: Address) -> None:
    nobody = address._replace(port=1)
    with World(2, nobody, setup_timeout=200) as everyone:
        errors = everyone.errors(lambda comm: comm.barrier())
    assert all(isinstance(error, fmi.RendezvousError) and "127.0.0.1:1" in str(error) for error in errors)


@pytest.mark.parametrize("size", [2, 3])
def test_big_messages_sent_against_each_other_get_through(world: Callable[..., World], size: int) -> None:
    n = BIG // 8

    def body(comm: fmi.Communicator) -> float:
        comm.send(np.full(n, float(comm.rank)), (comm.rank + 1) % size, doubles(n))
        received = comm.recv((comm.rank - 1) % size, doubles(n))
        return float(received.min()) + float(received.max())

    assert world(size).run(body) == [2.0 * ((rank - 1) % size) for rank in range(size)]


def test_nothing_is_lost_when_the_sender_closes_before_the_receiver_reads(
    world: Callable[..., World],
) -> None:
    everyone = world(2)
    everyone.run(lambda comm: comm.barrier())
    n = BIG // 8
    sent = threading.Event()

    def body(comm: fmi.Communicator) -> Value:
        if comm.rank == 0:
            comm.send(5, 1, INT)
            sent.set()
            comm.send(np.arange(n), 1, ints(n))
            comm.close()
            return None
        sent.wait(PATIENCE_S)
        return comm.recv(0, INT), int(comm.recv(0, ints(n)).sum())

    assert everyone.run(body)[1] == (5, n * (n - 1) // 2)


def test_a_peer_that_closed_is_a_failure_to_who_waits_for_it(world: Callable[..., World]) -> None:
    everyone = world(2)
    everyone.run(lambda comm: comm.barrier())
    errors = everyone.errors(lambda comm: comm.close() if comm.rank == 0 else comm.recv(0, INT))
    assert isinstance(errors[1], fmi.PeerFailure)
    assert "closed its communicator" in errors[1].reason


def test_a_signal_does_not_disturb_a_receive(address: Address) -> None:
    handled = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: handled.set())
    try:
        config = config_for(address)
        with (
            fmi.Communicator(0, 2, config, "signal") as mine,
            fmi.Communicator(1, 2, config, "signal") as other,
        ):

            def answer() -> None:
                other.barrier()
                handled.wait(PATIENCE_S)
                other.send(42, 0, INT)

            thread = threading.Thread(target=answer)
            thread.start()
            mine.barrier()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert mine.recv(1, INT) == 42
            thread.join()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_one_operation_at_a_time(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        def nested(a: int, b: int) -> int:
            comm.barrier()
            return a + b

        comm.allreduce(1, fmi.func(fmi.op.custom, nested), INT)

    assert all(isinstance(error, fmi.FMIError) for error in world(2).errors(body))


def test_no_descriptor_or_thread_is_left_behind() -> None:
    def use() -> None:
        with serving() as server, World(3, server.address) as everyone:
            everyone.run(lambda comm: comm.barrier())

    use()
    files, threads = open_files(), threading.active_count()
    for _ in range(5):
        use()
    assert (open_files(), threading.active_count()) == (files, threads)


def test_communicators_without_company_need_no_server() -> None:
    with fmi.Communicator(0, 1, {}) as comm:
        comm.barrier()
        assert comm.allreduce([1, 2], SUM, ints(2)) == [1, 2]
        assert comm.gather(3, 0, INT) == [3]
        assert comm.scatter([4, 5], 0, ints(2)) == [4, 5]
        assert comm.scan(6, SUM, INT) == 6
        assert comm.bcast(7.5, 0, DOUBLE) == 7.5
    with pytest.raises(fmi.CommunicatorClosed):
        comm.barrier()
