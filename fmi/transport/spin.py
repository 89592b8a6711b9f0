"""How long a rank polls for a message before it sleeps.

Waking a sleeping process takes longer than most small messages, so polling for a moment first pays. The
awaited rank may need the same core, so between two polls a rank yields the processor. Whoever takes it may
keep it for long (ranks that compute, other programs). Where yielding does not help, the message comes as soon
as this rank sleeps. After a few of these in a row a rank sleeps at once, and tries again after a number of
messages, less and less often while that fails. Long waits say nothing: the moment of polling does not count
beside them.
"""

from __future__ import annotations

import ipaddress
import math
import os
import time
from collections.abc import Iterator

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 200e-6
# Ranks that share a core take turns, which rarely last longer than this.
TURN_S = 400e-6
# Ranks that take turns give the core back sooner than this; longer is the time slice of one that computes.
LATE_S = 1e-3
# So many vain attempts in a row are no accident.
ENOUGH = 4
FIRST_PAUSE = 16
LAST_PAUSE = 64


def ranks_per_core(world_size: int, rendezvous_host: str) -> float:
    """How many ranks share a core, as far as every rank knows: 1 unless all are on this machine.

    Where ranks outnumber cores, what counts is how many messages there are in all, and elsewhere how many
    follow one another. So this decides between algorithms, and every rank must come to the same answer. All
    know the rendezvous server's address and the world size: ranks that meet over loopback are on one machine.
    """
    if not _is_loopback(rendezvous_host):
        return 1.0
    return max(1.0, world_size / (os.cpu_count() or 1))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Spin:
    """How long one rank polls, learnt from how its waits end.

    Args:
        ranks_per_core: known to share a core. A message then may have to wait for the turns of all of them.

    Attributes:
        budget_s: how long to poll before sleeping, 0 to sleep at once.
    """

    def __init__(self, ranks_per_core: float = 1.0) -> None:
        self._longest_s = TURN_S * ranks_per_core if ranks_per_core > 1 else LONGEST_S
        self.budget_s = self._longest_s
        self._until = math.inf
        self._in_vain = 0
        self._pause = FIRST_PAUSE
        self._left = 0

    def turns(self) -> Iterator[None]:
        """Turns in which to poll once each; call `found` when a poll has found something."""
        now = time.monotonic()
        self._until = until = now + self.budget_s
        while now < until:
            yield
            _yield_processor()
            now = time.monotonic()

    def found(self) -> None:
        """A poll has found a message."""
        if time.monotonic() < self._until + LATE_S:
            self._in_vain = 0
            self._pause = FIRST_PAUSE
        else:
            self._was_in_vain()

    def slept(self, seconds: float) -> None:
        """A message came after that much sleep, and after polling if there is a budget for it."""
        if not self.budget_s:
            self._left -= 1
            if self._left <= 0:
                self.budget_s = self._longest_s
                self._in_vain = ENOUGH - 1
        elif seconds < LONGEST_S:
            self._was_in_vain()

    def _was_in_vain(self) -> None:
        self._in_vain += 1
        if self._in_vain >= ENOUGH:
            self.budget_s = 0.0
            self._left = self._pause
            self._pause = min(2 * self._pause, LAST_PAUSE)


def _sleep_zero() -> None:
    time.sleep(0)


_yield_processor = getattr(os, "sched_yield", _sleep_zero)
