"""Worlds whose ranks sit behind real NATs: what works, what cannot work, and what is said then."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fmi.support.networks import PORT_RANDOM, SERVER, Host, Network, NotAllowed, realm
from tests.fmi.support.ranks import line

PORT = 10000
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def enter() -> Iterator[list[str]]:
    """Where networks can be made.

    CI sets COSMIC_REQUIRE_NAT=1 where it has seen that namespaces are allowed: no silent skip there.
    """
    with contextlib.ExitStack() as stack:
        try:
            realm_ = stack.enter_context(realm())
        except NotAllowed as reason:
            if os.environ.get("COSMIC_REQUIRE_NAT") == "1":
                pytest.fail(f"COSMIC_REQUIRE_NAT is 1, but {reason}")
            pytest.skip(str(reason))
        yield realm_


@dataclass(frozen=True)
class Outcome:
    """What a rank printed, and its log."""

    result: dict[str, Any]
    log: str


@contextlib.contextmanager
def server(network: Network) -> Iterator[None]:
    process = subprocess.Popen(
        [*network.public, sys.executable, "-m", "containers.rendezvous", "--port", str(PORT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert "listening" in process.stdout.readline()
            yield
        finally:
            process.kill()


def run_world(enter: list[str], hosts: list[Host], folder: Path, **direct: int) -> list[Outcome]:
    """One rank a host, all through one server; what each ends with."""
    with Network(hosts, enter) as network, ranks_on(network, len(hosts), folder, **direct) as ranks:
        spoken = [process.communicate(timeout=PATIENCE_S) for process in ranks]
    return [Outcome(json.loads(out or '{"error": "it died", "text": ""}'), log) for out, log in spoken]


@contextlib.contextmanager
def ranks_on(
    network: Network, size: int, folder: Path, *arguments: str, **direct: int
) -> Iterator[list[subprocess.Popen[str]]]:
    """Rank n of a world runs on host n, until the context ends."""
    settings = {"enabled": "true", "host": SERVER, "port": PORT, "peer_timeout": 45_000, **direct}
    config = folder / "fmi.json"
    config.write_text(
        json.dumps({"backends": {"Direct": settings}, "secret": "of hosts behind NATs, and others"})
    )
    with server(network), contextlib.ExitStack() as stack:
        ranks = []
        for rank in range(size):
            process = stack.enter_context(_rank(network, rank, size, config, *arguments))
            stack.callback(process.kill)
            ranks.append(process)
        yield ranks


def _rank(network: Network, rank: int, size: int, config: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*network.inside(rank), sys.executable, "-m", "tests.fmi.support.nat_rank", *arguments],
        env={**os.environ, "RANK": str(rank), "WORLD_SIZE": str(size), "FMI_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_all_heard_all(outcomes: list[Outcome]) -> None:
    for rank, outcome in enumerate(outcomes):
        others = [float(other) for other in range(len(outcomes)) if other != rank]
        assert outcome.result.get("heard") == others, (outcome.result, outcome.log)


NATTED, PUBLIC, SYMMETRIC = Host(), Host(nat=None), Host(nat=PORT_RANDOM)


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([NATTED, NATTED], id="two hosts, each behind its own NAT"),
        pytest.param([NATTED, NATTED, NATTED], id="three hosts, each behind its own NAT"),
        pytest.param([NATTED, PUBLIC], id="the second one public"),
        pytest.param([PUBLIC, NATTED], id="the first one public"),
        pytest.param([NATTED, PUBLIC, NATTED], id="one of three public"),
        pytest.param([SYMMETRIC, PUBLIC], id="a symmetric NAT and a public host"),
    ],
)
def test_a_world_forms_through_real_nats(enter: list[str], hosts: list[Host], tmp_path: Path) -> None:
    assert_all_heard_all(run_world(enter, hosts, tmp_path))


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([SYMMETRIC, NATTED], id="a symmetric NAT and another NAT"),
        pytest.param([SYMMETRIC, SYMMETRIC], id="two symmetric NATs"),
        pytest.param([NATTED, Host(behind=0)], id="two hosts behind one NAT that does not turn them round"),
    ],
)
def test_where_no_hole_can_be_punched_the_error_names_the_rank_and_says_so(
    enter: list[str], hosts: list[Host], tmp_path: Path
) -> None:
    for rank, outcome in enumerate(
        run_world(enter, hosts, tmp_path, peer_timeout=4_000, setup_timeout=1_000)
    ):
        assert outcome.result["error"] in ("Timeout", "PeerFailure"), outcome
        assert f"rank {1 - rank}" in outcome.result["text"]
        assert "no connection to 203.0.113.1" in outcome.result["text"]


def test_a_connection_that_stalls_is_replaced(enter: list[str], tmp_path: Path) -> None:
    """As seen on AWS: a punched connection carries its first kilobytes and then nothing more."""
    first_stalls = """
        iifname "lan" tcp dport != 10000 ct state new numgen inc mod 1000 == 0 ct mark set 1
        ct mark 1 ct bytes > 20000 drop
    """
    outcomes = run_world(enter, [Host(forward=first_stalls), NATTED], tmp_path, setup_timeout=1_500)
    assert_all_heard_all(outcomes)
    assert "stalled during the handshake" in outcomes[0].log


def test_a_host_that_vanishes_without_a_word_is_a_failure_long_before_any_deadline(
    enter: list[str], tmp_path: Path
) -> None:
    """As a function's does when it reaches its time limit: no packet says that it is gone."""
    with Network([NATTED, NATTED], enter) as network, ranks_on(network, 2, tmp_path, "barrier") as ranks:
        for rank in ranks:
            assert "heard" in json.loads(line(rank))
        network.cut_off(1)
        for number, rank in enumerate(ranks):
            failure = json.loads(line(rank))
            assert failure["error"] == "PeerFailure"
            assert f"rank {1 - number} failed" in failure["text"]
