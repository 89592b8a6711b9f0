"""More ranks than cores: who waits sleeps, and everybody gets the right answer."""

from __future__ import annotations

import os
import subprocess
import sys

from fmi.crowd import cores, is_crowded
from fmi.spin import FIRST_TRIAL, LAST_TRIAL, LONG_SLEEP_S, LONGEST_S, Spin
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


def sleep_long(patience: Spin) -> None:
    patience.looked(found=False)
    patience.slept(LONG_SLEEP_S)


def test_looking_is_given_up_where_it_is_in_vain() -> None:
    patience = Spin()
    assert patience.budget_s == LONGEST_S
    budgets = []
    while patience.budget_s:
        sleep_long(patience)
        budgets.append(patience.budget_s)
    assert budgets == sorted(budgets, reverse=True)
    assert len(budgets) < 10
    for _ in range(10 * LAST_TRIAL):
        patience.slept(LONG_SLEEP_S)
    assert not patience.budget_s


def trials(patience: Spin, found: bool) -> list[int]:
    """How many short sleeps lie between one look and the next."""
    waits, since = [], 0
    for _ in range(20 * LAST_TRIAL):
        if patience.budget_s:
            waits.append(since)
            since = 0
            patience.looked(found)
        if not patience.budget_s:
            patience.slept(LONG_SLEEP_S / 2)
            since += 1
    return waits


def test_looking_is_tried_again_after_short_sleeps_and_less_often_while_it_is_in_vain() -> None:
    patience = Spin()
    waits = [wait for wait in trials(patience, found=False) if wait]
    assert waits == sorted(waits)
    assert waits[0] == FIRST_TRIAL
    assert waits[-1] == LAST_TRIAL
    assert trials(patience, found=True)
    assert patience.budget_s == LONGEST_S


def test_in_a_crowd_nobody_looks() -> None:
    patience = Spin(crowded=True)
    for _ in range(10 * LAST_TRIAL):
        assert not patience.budget_s
        patience.slept(0.0)
