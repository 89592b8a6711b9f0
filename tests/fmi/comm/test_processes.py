"""What a rank's process does to its world by ending, by forking and by being busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from subprocess import Popen
from typing import TypeVar

import numpy as np
import pytest

import fmi
from fmi.protocol.tcpunch import Address
from tests.fmi.support.process_life import CALLS, HELD_S
from tests.fmi.support.ranks import line, rank_process
from tests.fmi.support.worlds import BIG, PATIENCE_S, World

T = TypeVar("T")


@contextmanager
def beside(
    address: Address, everyone: World, body: Callable[[fmi.Communicator], T], *what: str
) -> Iterator[tuple[Popen[str], list[Future[T]]]]:
    """The last rank is a process that does this; all others run the body."""
    last = everyone.size - 1
    program = "tests.fmi.support.process_life", *what
    with rank_process(address, everyone.name, last, everyone.size, *program) as process:
        yield process, everyone.start(body, everyone.comms[:last])


@pytest.mark.parametrize("status", ["0", "None"])
def test_sys_exit_without_an_error_is_a_goodbye(
    address: Address, world: Callable[..., World], status: str
) -> None:
    def body(comm: fmi.Communicator) -> object:
        comm.barrier()
        process.wait(PATIENCE_S)
        if comm.rank:
            return comm.recv(0)
        comm.send("still here", 1)
        return None

    with beside(address, world(3), body, "exit", status) as (process, futures):
        assert [future.result(PATIENCE_S) for future in futures] == [None, "still here"]
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("3", "the script exited with status 3"),
        ("no data", "the script exited with status 1: no data"),
    ],
)
def test_sys_exit_with_an_error_aborts_with_its_status(
    address: Address, world: Callable[..., World], status: str, reason: str
) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.barrier()
        comm.barrier()

    with beside(address, world(3), body, "exit", status) as (_, futures):
        for future in futures:
            error = future.exception(PATIENCE_S)
            assert isinstance(error, fmi.PeerFailure)
            assert (error.rank, error.reason) == (2, reason)


def test_a_generator_that_is_closed_says_goodbye(world: Callable[..., World]) -> None:
    def batches(comm: fmi.Communicator) -> Generator[int, None, None]:
        with comm:
            comm.barrier()
            yield 1

    def body(comm: fmi.Communicator) -> object:
        if comm.rank == 2:
            mine = batches(comm)
            next(mine)
            mine.close()
            return "left"
        comm.barrier()
        return comm.sendrecv(comm.rank, 1 - comm.rank, 1 - comm.rank)

    assert world(3).run(body) == [1, 0, "left"]


@pytest.mark.parametrize("how", ["exit", "status", "raise", "close"])
def test_a_child_that_leaves_the_block_does_nothing_to_the_world(
    address: Address, world: Callable[..., World], how: str
) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.barrier()
        if comm.rank == 0:
            assert line(process) == "left"
            comm.send("for the parent", 2)
        comm.barrier()

    with beside(address, world(3), body, "leave", how) as (process, futures):
        for future in futures:
            future.result(PATIENCE_S)
        assert [line(process), line(process)] == ["for the parent", "done"]


def test_a_killed_rank_is_noticed_though_its_helper_lives(
    address: Address, world: Callable[..., World]
) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.barrier()
        comm.barrier()

    with beside(address, world(3), body, "helper") as (process, futures):
        assert line(process) == "helping"
        process.kill()
        killed = time.monotonic()
        errors = [future.exception(PATIENCE_S) for future in futures]
        assert time.monotonic() - killed < 2
    for error in errors:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 2


@pytest.mark.parametrize("name", [*CALLS, "wait"])
def test_a_call_in_a_child_is_an_error_before_a_byte_is_sent(
    address: Address, world: Callable[..., World], name: str
) -> None:
    def body(comm: fmi.Communicator) -> object:
        comm.barrier()
        received = comm.recv(1)
        comm.send("an answer", 1)
        comm.barrier()
        return received

    with beside(address, world(2), body, "call", name) as (process, futures):
        assert line(process) == (
            f"CommunicatorClosed: the communicator belongs to process {process.pid}, from which this process "
            "was forked: communicate there, or make a communicator of its own here"
        )
        assert line(process) == "an answer"
        assert futures[0].result(PATIENCE_S) == "the parent's"


def test_a_rank_that_keeps_the_lock_in_the_middle_of_a_message_is_not_dead(
    address: Address, world: Callable[..., World]
) -> None:
    """For longer than a connection may take to be set up, and shorter than a rank is waited for."""

    def body(comm: fmi.Communicator) -> float:
        comm.barrier()
        assert line(process) == "held"
        received = np.zeros(4 * BIG // 8)
        comm.Recv(received, 1)
        return float(received.min())

    everyone = world(2, max_timeout=1000 * HELD_S // 3)
    with beside(address, everyone, body, "lock") as (process, futures):
        assert futures[0].result(PATIENCE_S) == 1.0
