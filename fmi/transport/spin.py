"""How long to look again and again for a message before going to sleep for it.

Waking a sleeping process takes longer than most small messages, so looking for a moment first pays. The
awaited rank may be waiting for the same core, so between two looks a rank lets others run that want to. They
may keep the core for long, ranks that compute or unconnected ranks; and where giving way does not help, the
message comes as soon as this rank sleeps. After a few of these in a row a rank sleeps at once, and tries
again after a number of messages, less and less often while that fails. Long waits say nothing: beside them
the moment does not count.
"""

from __future__ import annotations

import ipaddress
import math
import os
import time
from collections.abc import Iterator

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 200e-6
# Ranks that share a core take turns, each of which is as long as this at most, as a rule.
TURN_S = 400e-6
# Ranks that take turns give the core back sooner than this; longer is a slice of somebody who computes.
LATE_S = 1e-3
# So many looks in vain in a row are no accident.
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
    """The patience of one rank.

    Args:
        ranks_per_core: known to share a core. A message then may have to wait for the turns of all of them.

    Attributes:
        budget_s: how long to look before sleeping, 0 to sleep at once.
    """

    def __init__(self, ranks_per_core: float = 1.0) -> None:
        self._longest_s = TURN_S * ranks_per_core if ranks_per_core > 1 else LONGEST_S
        self.budget_s = self._longest_s
        self._until = math.inf
        self._in_vain = 0
        self._pause = FIRST_PAUSE
        self._left = 0

    def turns(self) -> Iterator[None]:
        """Look once in each turn, and say `found` when that was not in vain."""
        now = time.monotonic()
        self._until = until = now + self.budget_s
        while now < until:
            yield
            _give_way()
            now = time.monotonic()

    def found(self) -> None:
        """Looking has ended with a message."""
        if time.monotonic() < self._until + LATE_S:
            self._in_vain = 0
            self._pause = FIRST_PAUSE
        else:
            self._was_in_vain()

    def slept(self, seconds: float) -> None:
        """Something came after that much sleep, and after looking if there is a budget for it."""
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


def _sleep_for_nothing() -> None:
    time.sleep(0)


_give_way = getattr(os, "sched_yield", _sleep_for_nothing)
