"""More ranks than cores: who waits gives way, and everybody gets the right answer."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from fmi.protocol.tcpunch import Address
from fmi.transport.spin import ENOUGH, LAST_PAUSE, LATE_S, LONGEST_S, Spin, ranks_per_core
from tests.fmi.support.worlds import PATIENCE_S, SECRET


def test_a_world_of_twice_as_many_processes_as_cores(address: Address) -> None:
    size = min(2 * (os.cpu_count() or 1) + 1, 9)
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
            [sys.executable, "-m", "tests.fmi.support.crowd_rank"],
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


def test_ranks_are_known_to_share_cores_only_where_they_meet_on_this_machine() -> None:
    cores = os.cpu_count() or 1
    for here in ("127.0.0.1", "localhost", "::1"):
        assert ranks_per_core(3 * cores, here) == 3
        assert ranks_per_core(cores, here) == 1
        assert ranks_per_core(1, here) == 1
    for elsewhere in ("10.0.0.1", "rendezvous.example.org"):
        assert ranks_per_core(3 * cores, elsewhere) == 1


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


def test_in_a_crowd_a_rank_looks_for_longer() -> None:
    assert Spin().budget_s < Spin(1.5).budget_s < Spin(4).budget_s


def test_looking_ends_when_the_time_is_over() -> None:
    patience = Spin(2)
    began = time.monotonic()
    for _ in patience.turns():
        pass
    assert time.monotonic() - began >= patience.budget_s


def test_a_rank_that_sleeps_at_once_does_not_look() -> None:
    patience = Spin()
    for _ in range(ENOUGH):
        patience.slept(LONGEST_S / 2)
    assert list(patience.turns()) == []


def test_a_message_found_long_after_the_core_was_given_away_was_looked_for_in_vain() -> None:
    patience = Spin(2)
    for _ in range(ENOUGH):
        for _ in patience.turns():
            time.sleep(2 * (patience.budget_s + LATE_S))  # somebody else computes
            patience.found()
            break
    assert not patience.budget_s
