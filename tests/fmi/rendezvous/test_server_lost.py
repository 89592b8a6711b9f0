"""The rendezvous server is killed, as a process: while ranks pair, and after they have."""

from __future__ import annotations

import threading
import time

import fmi
from tests.containers.rendezvous.support.processes import Server
from tests.containers.rendezvous.support.processes import server as server_process
from tests.fmi.support.endless import OPERATIONS
from tests.fmi.support.worlds import PATIENCE_S, World, quiet_address

INT = fmi.types(fmi.datatypes.int)
SUM = fmi.func(fmi.op.sum)


def wait_until_some_have_paired_and_some_wait(it: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        metrics = it.metrics()
        if metrics["rendezvous_pairs_total"] and metrics["rendezvous_waiting_for_a_peer"]:
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_world_of_eight_forms_although_the_server_is_killed_twice() -> None:
    address = quiet_address()
    may_come = [threading.Event() for _ in range(8)]

    def body(comm: fmi.Communicator) -> int:
        assert may_come[comm.rank].wait(PATIENCE_S)
        total: int = comm.allreduce(comm.rank, SUM, INT)
        return total

    with World(8, address) as everyone:
        futures = everyone.start(body)
        for coming in (may_come[:3], may_come[3:6]):
            with server_process("--port", str(address.port)) as it:
                for event in coming:
                    event.set()
                wait_until_some_have_paired_and_some_wait(it)
                it.process.kill()
        with server_process("--port", str(address.port)):
            for event in may_come:
                event.set()
            assert [future.result(PATIENCE_S) for future in futures] == [28] * 8


def test_ranks_wait_for_a_server_that_starts_after_them() -> None:
    address = quiet_address()
    with World(3, address) as everyone:
        futures = everyone.start(lambda comm: comm.allreduce(1, SUM, INT))
        with server_process("--port", str(address.port)):
            assert [future.result(PATIENCE_S) for future in futures] == [3] * 3


def test_a_server_killed_after_pairing_is_missed_by_nobody() -> None:
    def everything(comm: fmi.Communicator) -> None:
        for operation in OPERATIONS.values():
            operation(comm)

    address = quiet_address()
    with World(4, address) as everyone:
        with server_process("--port", str(address.port)) as it:
            everyone.run(everything)
            it.process.kill()
        everyone.run(everything)

        def body(comm: fmi.Communicator) -> None:
            if comm.rank == 0:
                comm.abort("enough")
            else:
                comm.recv(0, INT)

        for error in everyone.errors(body)[1:]:
            assert isinstance(error, fmi.PeerFailure)
            assert (error.rank, error.reason) == (0, "enough")
