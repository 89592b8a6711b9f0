"""More ranks than cores: who waits gives way, and everybody gets the right answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from fmi import spin
from fmi.crowd import cores, is_crowded
from fmi.spin import LONG_SLEEP_S, LONGEST_S, Spin
from fmi.wire import Address
from tests.fmi.worlds import PATIENCE_S, SECRET


def test_a_world_of_twice_as_many_processes_as_cores(address: Address) -> None:
    size = min(2 * cores() + 1, 9)
    environment = {
        **os.environ,
        "WORLD_SIZE": str(size),
        "FMI_SECRET": SECRET,
        "FMI_COMM_NAME": "crowd",
        "RENDEZVOUS_HOST": address.host,
        "RENDEZVOUS_PORT": str(address.port),
        "OPENBLAS_NUM_THREADS": "1",
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.fmi.crowd_rank"],
            env={**environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        said = [rank.communicate(timeout=2 * PATIENCE_S)[0].split() for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    total = str(float(size * (size - 1) // 2))
    assert said == [[total, total, str(float(size)), str(float(size))]] * size


def test_crowded_is_known_only_of_ranks_that_meet_on_this_machine() -> None:
    many = (os.cpu_count() or 1) + 1
    assert is_crowded(many, "127.0.0.1")
    assert is_crowded(many, "localhost")
    assert is_crowded(many, "::1")
    assert not is_crowded(many - 1, "127.0.0.1")
    assert not is_crowded(many, "10.0.0.1")
    assert not is_crowded(many, "rendezvous.example.org")


def test_looking_is_given_up_where_it_is_in_vain_and_taken_up_again_where_it_pays() -> None:
    patience = Spin()
    assert patience.budget_s == LONGEST_S
    budgets = []
    while patience.budget_s:
        patience.slept(LONG_SLEEP_S)
        budgets.append(patience.budget_s)
    assert budgets == sorted(budgets, reverse=True)
    assert len(budgets) < 10
    while patience.budget_s < LONGEST_S:
        before = patience.budget_s
        patience.slept(LONG_SLEEP_S / 2)
        assert patience.budget_s > before


@pytest.mark.parametrize("way", [None, lambda: None])
def test_in_a_crowd_nobody_looks_without_giving_way(
    monkeypatch: pytest.MonkeyPatch, way: Callable[[], None] | None
) -> None:
    monkeypatch.setattr(spin, "give_way", way)
    patience = Spin(crowded=True)
    patience.slept(0.0)
    assert bool(patience.budget_s) is (way is not None)
    assert Spin(crowded=False).budget_s
    spin.pause()
