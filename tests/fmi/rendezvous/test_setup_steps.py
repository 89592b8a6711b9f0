"""Setting up waits for events: nowhere does it sleep, and no wait lasts until its time is up."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable

import pytest

import fmi
from tests.fmi.support.worlds import World

# A rank looks up after 10 ms to ring at those that have not come, which a loaded machine may need.
# The original's set-up consists of waits of 100 ms.
STEP_MS = 50.0
ATTEMPTS = 5


class Poller:
    """`select.poll` that notes how long the waits were in which nothing happened."""

    in_vain: list[float]

    def __init__(self) -> None:
        self._real = select_poll()
        self.register, self.modify, self.unregister = (
            self._real.register,
            self._real.modify,
            self._real.unregister,
        )

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        ready = self._real.poll(timeout)
        if not ready and timeout:
            self.in_vain.append(timeout)
        return ready


select_poll = select.poll


@pytest.mark.parametrize("size", [2, 4])
def test_a_world_forms_without_waiting_for_time_to_pass(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Load can make a wait last; a step in the procedure would be there in every attempt."""

    sleep = time.sleep

    def no_sleep(seconds: float) -> None:
        caller = sys._getframe(1).f_globals["__name__"]  # other threads of this process may sleep
        assert not caller.startswith("fmi."), f"set-up sleeps for {seconds} s"
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", no_sleep)
    monkeypatch.setattr(select, "poll", Poller)
    for _ in range(ATTEMPTS):
        Poller.in_vain = []

        def body(comm: fmi.Communicator) -> None:
            comm.barrier()

        world(size).run(body)
        if sum(Poller.in_vain) < STEP_MS:
            return
    pytest.fail(f"every set-up waited in vain, the last one for {Poller.in_vain} ms")
