"""How long to look again and again for a message before going to sleep for it.

Waking a sleeping process takes longer than most small messages, so looking for a moment first pays. Between
two looks the core is offered to whoever else wants it, which may be the very rank that is awaited; so it
pays also where ranks outnumber cores. The moment is short, and it shrinks whenever it was followed by a long
sleep, as a function may share its core with strangers or be billed for little of it; it grows again when
messages turn out to come soon.
"""

from __future__ import annotations

import os
from collections.abc import Callable

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 200e-6
SHORTEST_S = 10e-6
# Whoever sleeps longer waits for something that takes its time: another rank that computes, or is away.
LONG_SLEEP_S = 1e-3

give_way: Callable[[], None] | None = getattr(os, "sched_yield", None)


class Spin:
    """The patience of one rank.

    Args:
        crowded: ranks outnumber cores here, so that looking without giving way would keep a core from
            whoever is awaited.

    Attributes:
        budget_s: how long to look before sleeping, 0 to sleep at once.
    """

    def __init__(self, crowded: bool = False) -> None:
        self._allowed = give_way is not None or not crowded
        self.budget_s = LONGEST_S if self._allowed else 0.0

    def slept(self, seconds: float) -> None:
        """Looking was in vain, and something came after that much sleep."""
        if seconds >= LONG_SLEEP_S:
            self.budget_s = self.budget_s / 2 if self.budget_s >= 2 * SHORTEST_S else 0.0
        elif self._allowed:
            self.budget_s = max(SHORTEST_S, min(LONGEST_S, self.budget_s * 2))


def pause() -> None:
    """Between two looks: offer the core to others, where the system lets a process do that."""
    if give_way:
        give_way()
