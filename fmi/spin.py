"""How long to look again and again for a message before going to sleep for it.

Waking a sleeping process takes longer than most small messages, so looking for a moment first pays where the
rank has a core of its own. It costs the others where it has not, and nobody can tell for sure: a function may
share its core with strangers. So the moment is short, it shrinks whenever looking was in vain, and grows
again when messages turn out to come soon after the rank went to sleep.
"""

from __future__ import annotations

import os

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 200e-6
SHORTEST_S = 10e-6


class Spin:
    """The budget of one rank.

    Args:
        crowded: there are more ranks than cores here, so looking takes a core from whoever is awaited.

    Attributes:
        budget_s: how long to look before sleeping, 0 to sleep at once.
    """

    def __init__(self, crowded: bool = False) -> None:
        self._crowded = crowded
        self.budget_s = 0.0 if crowded else LONGEST_S

    def looked(self, found: bool) -> None:
        """What looking for the budget came to."""
        if found:
            self.budget_s = min(LONGEST_S, self.budget_s * 2)
        else:
            self.budget_s = self.budget_s / 2 if self.budget_s >= 2 * SHORTEST_S else 0.0

    def slept(self, seconds: float) -> None:
        """Something came after that much sleep: with a little patience it would have come while looking."""
        if not self._crowded and seconds < LONGEST_S:
            self.budget_s = max(SHORTEST_S, min(LONGEST_S, self.budget_s * 2))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
