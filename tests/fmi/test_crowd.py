"""More ranks than cores: who waits sleeps, and everybody gets the right answer."""

from __future__ import annotations

import os
import subprocess
import sys

from fmi.crowd import cores, is_crowded
from fmi.spin import LAST_PAUSE, LONGEST_S, Spin
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


def pauses(patience: Spin, messages: int) -> list[int]:
    """How many messages lie between one look and the next, if every look is in vain."""
    waits, since = [], 0
    for _ in range(messages):
        if patience.budget_s:
            waits.append(since)
            since = 0
        patience.slept(LONGEST_S / 2)
        since += 1
    return waits


def test_a_rank_whose_looking_keeps_others_from_sending_looks_less_and_less_often() -> None:
    patience = Spin()
    waits = pauses(patience, 10 * LAST_PAUSE)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == LAST_PAUSE + 1


def test_looking_goes_on_while_it_pays_and_through_long_waits() -> None:
    patience = Spin()
    for _ in range(10):
        patience.slept(10 * LONGEST_S)
        assert patience.budget_s
        patience.slept(LONGEST_S / 2)
        patience.found()
        assert patience.budget_s


def test_in_a_crowd_nobody_looks() -> None:
    assert pauses(Spin(crowded=True), 10 * LAST_PAUSE) == []
