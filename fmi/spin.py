"""How long to look again and again for a message before going to sleep for it.

Waking a sleeping process takes longer than most small messages, so looking for a moment first pays, as long
as the awaited rank has a core of its own meanwhile. Whether it has shows: looking that was in vain shortens
the moment, down to nothing. A rank that shares its core with the one it waits for, or with strangers, or is
billed for little of it, so comes to sleep at once. After a number of short sleeps it tries again, less and
less often while that fails.
"""

from __future__ import annotations

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 100e-6
SHORTEST_S = 10e-6
# Whoever sleeps longer waits for something that takes its time: another rank that computes, or is away.
LONG_SLEEP_S = 1e-3
FIRST_TRIAL = 8
LAST_TRIAL = 256


class Spin:
    """The patience of one rank.

    Args:
        crowded: ranks are known to outnumber cores here: looking would keep a core from whoever is awaited.

    Attributes:
        budget_s: how long to look before sleeping, 0 to sleep at once.
    """

    def __init__(self, crowded: bool = False) -> None:
        self._allowed = not crowded
        self.budget_s = LONGEST_S if self._allowed else 0.0
        self._short_sleeps = 0
        self._trial_after = FIRST_TRIAL

    def looked(self, found: bool) -> None:
        """Looking has ended, with a message or in vain."""
        if not found:
            shorter = self.budget_s / 4
            self.budget_s = shorter if shorter >= SHORTEST_S else 0.0
        elif self.budget_s < LONGEST_S:
            self.budget_s = min(LONGEST_S, 2 * self.budget_s)
        else:
            self._trial_after = FIRST_TRIAL

    def slept(self, seconds: float) -> None:
        """Something came after that much sleep."""
        if not self._allowed or self.budget_s == LONGEST_S:
            return
        self._short_sleeps = self._short_sleeps + 1 if seconds < LONG_SLEEP_S else 0
        if self._short_sleeps >= self._trial_after:
            self._short_sleeps = 0
            self._trial_after = min(2 * self._trial_after, LAST_TRIAL)
            self.budget_s = LONGEST_S
