"""What ranks print, as lines of one terminal: who said it in front, and no more than can be read."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from cosmic_fmi.experiment.ui.console import Reporter

A_SECOND = 5
BURST = 20
"""Lines of one rank that are shown: so many a second in the long run, and so many at once."""
ALL_A_SECOND = 50
ALL_BURST = 200
"""The same of all ranks together."""
RANKS_AT_THE_END = 8
LINES_AT_THE_END = 10
LONGEST = 500
"""Characters of a line."""


class RankLines:
    """Shows lines of ranks; a script that reads events gets all of them.

    Args:
        reporter: where to.
        logs: the folder that will have all lines, as people know it.
        clock: seconds.
    """

    def __init__(self, reporter: Reporter, logs: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter = reporter
        self._logs = logs
        self._all = _Allowance(ALL_A_SECOND, ALL_BURST, clock)
        self._of: defaultdict[int, _Allowance] = defaultdict(lambda: _Allowance(A_SECOND, BURST, clock))
        self._left_out: dict[int, int] = {}

    def add(self, rank: int, lines: Sequence[str]) -> None:
        """Lines that a rank printed just now."""
        if self._reporter.mode == "json":
            if lines:
                self._reporter.event("output", rank=rank, lines=list(lines))
            return
        for line in lines:
            if self._of[rank].take() and self._all.take():
                self._say_left_out(rank)
                self._say(rank, line)
            else:
                self._left_out[rank] = self._left_out.get(rank, 0) + 1

    def end(self, rest: Mapping[int, Sequence[str]]) -> None:
        """The lines of each rank that came last; at least the last few of some ranks are shown."""
        if self._reporter.mode == "json":
            for rank, lines in rest.items():
                self.add(rank, lines)
            return
        shown = 0
        for rank, lines in rest.items():
            if not lines and rank not in self._left_out:
                continue
            if lines and shown == RANKS_AT_THE_END:
                self._left_out[rank] = self._left_out.get(rank, 0) + len(lines)
                continue
            shown += bool(lines)
            last = lines if len(lines) <= BURST else lines[-LINES_AT_THE_END:]
            if len(last) < len(lines):
                self._left_out[rank] = self._left_out.get(rank, 0) + len(lines) - len(last)
            self._say_left_out(rank)
            for line in last:
                self._say(rank, line)
        if more := sum(self._left_out.values()):
            self._reporter.message(f"… {more:,} lines of {len(self._left_out)} ranks left out here", "dim")

    def _say_left_out(self, rank: int) -> None:
        if count := self._left_out.pop(rank, 0):
            self._reporter.message(f"[{rank}] … {count:,} lines left out here, all in {self._logs}", "dim")

    def _say(self, rank: int, line: str) -> None:
        # One event of a log may have several lines.
        for part in (line if len(line) <= LONGEST else f"{line[:LONGEST]}…").splitlines() or [""]:
            self._reporter.message(f"[{rank}] {part}")


class _Allowance:
    """So many at once, and so many a second after that."""

    def __init__(self, a_second: float, most: float, clock: Callable[[], float]) -> None:
        self._rate, self._most, self._clock = a_second, most, clock
        self._left, self._since = most, clock()

    def take(self) -> bool:
        """Whether one more is allowed; it is taken then."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
