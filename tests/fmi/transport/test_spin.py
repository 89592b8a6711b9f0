"""How long a rank polls before it sleeps, and which ranks are known to share cores."""

from __future__ import annotations

import os
import time

from fmi.transport.spin import ENOUGH, LAST_PAUSE, LATE_S, LONGEST_S, Spin, ranks_per_core


def test_ranks_are_known_to_share_cores_only_where_they_meet_on_this_machine() -> None:
    cores = os.cpu_count() or 1
    for here in ("127.0.0.1", "localhost", "::1"):
        assert ranks_per_core(3 * cores, here) == 3
        assert ranks_per_core(cores, here) == 1
        assert ranks_per_core(1, here) == 1
    for elsewhere in ("10.0.0.1", "rendezvous.example.org"):
        assert ranks_per_core(3 * cores, elsewhere) == 1


def pauses(spin: Spin, messages: int) -> list[int]:
    """How many messages lie between one attempt to poll and the next, if each is in vain."""
    waits, since = [], 0
    for _ in range(messages):
        if spin.budget_s:
            waits.append(since)
            since = 0
        spin.slept(LONGEST_S / 2)
        since += 1
    return waits


def test_a_rank_whose_polling_keeps_others_from_sending_polls_less_and_less_often() -> None:
    spin = Spin()
    waits = pauses(spin, 10 * LAST_PAUSE)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == LAST_PAUSE + 1


def test_polling_goes_on_while_it_pays_and_through_long_waits() -> None:
    spin = Spin()
    for _ in range(10):
        spin.slept(10 * LONGEST_S)
        assert spin.budget_s
        spin.slept(LONGEST_S / 2)
        spin.found()
        assert spin.budget_s


def test_a_rank_that_shares_a_core_polls_for_longer() -> None:
    assert Spin().budget_s < Spin(1.5).budget_s < Spin(4).budget_s


def test_polling_ends_when_the_time_is_over() -> None:
    spin = Spin(2)
    began = time.monotonic()
    for _ in spin.turns():
        pass
    assert time.monotonic() - began >= spin.budget_s


def test_a_rank_that_sleeps_at_once_does_not_poll() -> None:
    spin = Spin()
    for _ in range(ENOUGH):
        spin.slept(LONGEST_S / 2)
    assert list(spin.turns()) == []


def test_a_message_found_long_after_the_core_was_given_away_counts_as_polled_in_vain() -> None:
    spin = Spin(2)
    for _ in range(ENOUGH):
        for _ in spin.turns():
            time.sleep(2 * (spin.budget_s + LATE_S))  # somebody else computes
            spin.found()
            break
    assert not spin.budget_s
