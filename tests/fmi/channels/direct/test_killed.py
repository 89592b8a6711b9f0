"""A rank is killed in the middle of every operation: all others know within two seconds which one it was."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import fmi
from fmi.protocol.tcpunch import Address
from tests.fmi.support.endless import OPERATIONS, loop
from tests.fmi.support.ranks import line, rank_process
from tests.fmi.support.worlds import PATIENCE_S, World

SIZE = 4
LIMIT_S = 2.0


ROOT = 1  # of those that have one
ROOTED = ["bcast", "gather", "scatter", "reduce", "reduce in order"]


@pytest.mark.parametrize(
    ("operation", "victim"), [*((name, SIZE - 1) for name in OPERATIONS), *((name, ROOT) for name in ROOTED)]
)
def test_all_others_know_within_two_seconds_who_was_killed(
    address: Address, world: Callable[..., World], operation: str, victim: int
) -> None:
    everyone = world(SIZE)

    def body(comm: fmi.Communicator) -> float:
        try:
            loop(comm, OPERATIONS[operation])
        except fmi.PeerFailure as failure:
            assert failure.rank == victim
        return time.monotonic()

    others = [comm for comm in everyone.comms if comm.rank != victim]
    with rank_process(
        address, everyone.name, victim, SIZE, "tests.fmi.support.endless", operation
    ) as process:
        futures = everyone.start(body, others)
        assert line(process) == "busy"
        process.kill()
        killed = time.monotonic()
        known = [future.result(PATIENCE_S) for future in futures]
    assert max(known) - killed < LIMIT_S


def test_the_others_may_be_processes_too(address: Address) -> None:
    """Where each rank has an interpreter of its own, as on Lambda."""
    command = "tests.fmi.support.endless", "allreduce"
    with (
        rank_process(address, "processes", 0, 3, *command) as first,
        rank_process(address, "processes", 1, 3, *command) as second,
        rank_process(address, "processes", 2, 3, *command) as killed,
    ):
        for process in (first, second, killed):
            assert line(process) == "busy"
        killed.kill()
        at = time.monotonic()
        assert [line(first), line(second)] == ["2", "2"]
        assert time.monotonic() - at < LIMIT_S
