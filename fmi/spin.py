"""How long to look again and again for a message before going to sleep for it.

Waking a sleeping process takes longer than most small messages, so looking for a moment first pays, as long
as the awaited rank has a core of its own meanwhile. Where it has none, looking is what keeps it from sending:
that shows in looks in vain after which the message comes as soon as this rank sleeps. After a few of these in
a row a rank sleeps at once, and tries again after a number of messages, less and less often while that fails.
Long waits say nothing: beside them the moment does not count.
"""

from __future__ import annotations

# Longer than a message takes between two functions, shorter than anyone would notice.
LONGEST_S = 200e-6
# So many looks in vain in a row are no accident.
ENOUGH = 4
FIRST_PAUSE = 16
LAST_PAUSE = 1024


class Spin:
    """The patience of one rank.

    Args:
        crowded: ranks are known to outnumber cores here, so that looking is always in vain.

    Attributes:
        budget_s: how long to look before sleeping, 0 to sleep at once.
    """

    def __init__(self, crowded: bool = False) -> None:
        self._allowed = not crowded
        self.budget_s = LONGEST_S if self._allowed else 0.0
        self._in_vain = 0
        self._pause = FIRST_PAUSE
        self._left = 0

    def found(self) -> None:
        """Looking has ended with a message."""
        self._in_vain = 0
        self._pause = FIRST_PAUSE

    def slept(self, seconds: float) -> None:
        """Something came after that much sleep, and after looking if there is a budget for it."""
        if not self._allowed:
            return
        if not self.budget_s:
            self._left -= 1
            if self._left <= 0:
                self.budget_s = LONGEST_S
                self._in_vain = ENOUGH - 1
        elif seconds < LONGEST_S:
            self._in_vain += 1
            if self._in_vain >= ENOUGH:
                self.budget_s = 0.0
                self._left = self._pause
                self._pause = min(2 * self._pause, LAST_PAUSE)
