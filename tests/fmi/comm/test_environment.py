"""Communicators from the environment, and their end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fmi
from fmi import config
from fmi.protocol.tcpunch import Address
from fmilib.fmi_operations import fmi_communicator
from tests.fmi.support.worlds import PATIENCE_S, SECRET, World

INT = fmi.types(fmi.datatypes.int)
SUM = fmi.func(fmi.op.sum)


def environment(address: Address, rank: int, world_size: int, name: str) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "FMI_SECRET": SECRET,
        "FMI_COMM_NAME": name,
        "RENDEZVOUS_HOST": address.host,
        "RENDEZVOUS_PORT": str(address.port),
    }


def test_a_world_from_the_environment(address: Address) -> None:
    def rank(number: int) -> int:
        with fmi.from_env(environment(address, number, 2, "from env")) as comm:
            total: int = comm.allreduce(number + 1, SUM, INT)
            return total

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(rank, range(2))) == [3, 3]


def test_the_courses_way_takes_text_and_numbers(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(address, 9, 10, "course").items():
        monkeypatch.setenv(name, value)
    with ThreadPoolExecutor(2) as pool:
        comms = [fmi_communicator("2", 0), fmi_communicator(2, "1")]
        assert list(pool.map(lambda comm: comm.allreduce(1, SUM, INT), comms)) == [2, 2]
    fmi.finalize()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"RANK": ""}, "RANK"),
        ({"WORLD_SIZE": "two"}, "'two'"),
        ({"RANK": "2"}, "0 to WORLD_SIZE - 1 = 1"),
        ({"FMI_MEMORY_MB": "much"}, "FMI_MEMORY_MB"),
    ],
)
def test_a_wrong_environment_says_which_variable(address: Address, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(fmi.ConfigError, match=words):
        fmi.from_env(environment(address, 0, 2, "wrong") | wrong)


@pytest.mark.parametrize("comes", ["before", "after"])
def test_abort_world_reaches_ranks_that_wait_and_ranks_that_come_later(address: Address, comes: str) -> None:
    name = f"abort world {comes}"
    with World(3, address, name) as everyone:
        aborted = threading.Event()

        def body(comm: fmi.Communicator) -> None:
            if comm.rank < 2:
                if comes == "after":
                    aborted.wait(PATIENCE_S)
                comm.barrier()

        futures = everyone.start(body)
        started = time.monotonic()
        fmi.abort_world("ValueError: the script is broken", environment(address, 2, 3, name))
        aborted.set()
        errors = [future.exception(PATIENCE_S) for future in futures[:2]]
        assert time.monotonic() - started < 3
    for error in errors:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 2
        assert error.reason == "ValueError: the script is broken"


@pytest.mark.parametrize("comes", ["before", "after"])
def test_abort_world_reaches_communicators_with_a_name_of_the_scripts(address: Address, comes: str) -> None:
    """A rank that fails while it loads its packages knows the execution's name, and not fmi_pair."""
    variables = [environment(address, rank, 3, f"execution, {comes}") for rank in range(3)]
    comms = [
        fmi.Communicator(rank, 3, config.resolve(None, variables[rank]), "fmi_pair", 512) for rank in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        started = time.monotonic()
        if comes == "after":
            fmi.abort_world("ImportError: no timm", variables[2])
        futures = [pool.submit(comm.barrier) for comm in comms]
        if comes == "before":
            fmi.abort_world("ImportError: no timm", variables[2])
        errors = [future.exception(PATIENCE_S) for future in futures]
    assert time.monotonic() - started < 5
    for error in errors:
        assert isinstance(error, fmi.PeerFailure)
        assert (error.rank, error.reason) == (2, "ImportError: no timm")


def test_abort_world_gives_up_on_a_server_that_is_gone_and_needs_none_alone(address: Address) -> None:
    started = time.monotonic()
    fmi.abort_world("gone", environment(address, 0, 3, "gone") | {"RENDEZVOUS_PORT": "1"})
    fmi.abort_world("alone", environment(address, 0, 1, "alone"))
    assert time.monotonic() - started < 3


def test_finalize_with_a_reason_aborts_and_without_one_closes(address: Address) -> None:
    with World(2, address) as everyone:
        everyone.run(lambda comm: comm.barrier())
        fmi.finalize("the script raised")
        for comm in everyone.comms:
            with pytest.raises(fmi.CommunicatorClosed, match="the script raised"):
                comm.barrier()
    with World(2, address) as everyone:
        everyone.run(lambda comm: comm.barrier())
        fmi.finalize()
        with pytest.raises(fmi.CommunicatorClosed):
            everyone.comms[0].barrier()


def test_a_forgotten_communicator_says_goodbye(address: Address) -> None:
    with World(2, address) as everyone:
        everyone.run(lambda comm: comm.barrier())
        future = everyone.start(lambda comm: comm.recv(1, INT) if comm.rank == 0 else None)[0]
        del everyone.comms[1]
        gc.collect()
        assert "closed its communicator" in str(future.exception(PATIENCE_S))


def test_the_wire_module_comes_without_numpy() -> None:
    code = "import sys, fmi.protocol.tcpunch, containers.rendezvous.server; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists() -> None:
    assert all(getattr(fmi, name) is not None for name in fmi.__all__)
    with pytest.raises(AttributeError):
        fmi.nothing  # noqa: B018
