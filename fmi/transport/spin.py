"""How long a rank looks for a message before it sleeps.

Waking a sleeping process takes longer than most small messages, and on a virtual machine whose core has
nothing else to do far longer. So a rank with a core of its own looks for a moment first, before every message
alike: a rule that learnt from how long messages take would see a peer that sleeps as a slow one, sleep as
well, and so make both slow for good. Two things end that:

- Ranks are known to outnumber the cores: each gives its core up at once, as the awaited rank may need it.
- Another process used this rank's core while it looked. It would again, for whole time slices; the kernel
  lets a rank go first that has slept. So the rank sleeps at once for a while, and then tries again.

_core.c does the same, and gives its core to whoever wants it between two looks: without that, ranks on a busy
machine kept the ones that they waited for from running.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Iterator

# Longer than a message takes between two functions, and than a rank takes to wake up.
LOOK_S = 500e-6
# Of a larger message the next part takes its sender longer than to wake this rank.
LOOK_BYTES = 64 * 1024
# Between two looks lie some microseconds, unless another process used the core.
GAP_S = 200e-6
FIRST_PAUSE_S = 0.01
LAST_PAUSE_S = 0.16


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


def spin_seconds(sharing: float) -> float:
    """How long a rank looks before it sleeps, if so many ranks are known to share a core."""
    return 0.0 if sharing > 1 else LOOK_S


class Spin:
    """How long one rank looks; where there is no core in C.

    Args:
        sharing: ranks that are known to share a core.
    """

    def __init__(self, sharing: float = 1.0) -> None:
        self._look_s = spin_seconds(sharing)
        self._shared_until = 0.0
        self._pause_s = FIRST_PAUSE_S

    def turns(self) -> Iterator[None]:
        """Turns in which to look once each."""
        last = time.monotonic()
        stop = last + self._look_s
        if last < self._shared_until:
            return
        while last < stop:
            yield
            _yield_processor()
            now = time.monotonic()
            if now - last > GAP_S:
                self._note_shared(now)
                return
            last = now

    def _note_shared(self, now: float) -> None:
        if now > self._shared_until + 4 * self._pause_s:
            self._pause_s = FIRST_PAUSE_S
        self._shared_until = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)


def _sleep_zero() -> None:
    time.sleep(0)


_yield_processor = getattr(os, "sched_yield", _sleep_zero)
