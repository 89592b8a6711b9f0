"""How long a rank looks before it sleeps, and which ranks are known to share cores."""

from __future__ import annotations

import os
import time

from fmi.transport.spin import FIRST_PAUSE_S, GAP_S, LOOK_S, Spin, ranks_per_core


def test_ranks_are_known_to_share_cores_only_where_they_meet_on_this_machine() -> None:
    cores = os.cpu_count() or 1
    for here in ("127.0.0.1", "localhost", "::1"):
        assert ranks_per_core(3 * cores, here) == 3
        assert ranks_per_core(cores, here) == 1
        assert ranks_per_core(1, here) == 1
    for elsewhere in ("10.0.0.1", "rendezvous.example.org"):
        assert ranks_per_core(3 * cores, elsewhere) == 1


def test_ranks_that_outnumber_cores_sleep_at_once() -> None:
    assert list(Spin(1.5).turns()) == []


def test_looking_ends_when_the_time_is_over() -> None:
    began = time.monotonic()
    for _ in Spin().turns():
        pass
    assert time.monotonic() - began < 100 * LOOK_S


def test_a_rank_whose_core_another_process_uses_sleeps_at_once_for_a_while() -> None:
    spin = Spin()
    for _ in spin.turns():
        time.sleep(2 * GAP_S)  # somebody else computes
    used = time.monotonic()
    assert list(spin.turns()) == [] or time.monotonic() > used + FIRST_PAUSE_S
    while not list(spin.turns()):
        pass
    assert time.monotonic() > used + FIRST_PAUSE_S - GAP_S


def test_messages_that_take_long_do_not_keep_a_rank_from_looking_at_the_next_one() -> None:
    """Else two ranks, each slow because the other one sleeps, would make each other slow for good."""
    spin, looked = Spin(), 0
    for _ in range(50):
        looked += any(True for _ in spin.turns())
        looked_in_vain = list(spin.turns())
        looked += bool(looked_in_vain)
    assert looked > 0
