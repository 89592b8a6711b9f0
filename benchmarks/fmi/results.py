"""The medians of a run, and what they say about the goals."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.fmi.cases import CASES, MIB, SETUP, Case, quoted, quoted_mpi
from benchmarks.fmi.runner import LISTS, OURS, Samples

# Set-up with hole punching: seconds to reach, by ranks.
SETUP_GOALS = {2: 0.010, 4: 0.020, 8: 0.040}
SMALL = 8 * 1024


class Goal(NamedTuple):
    """One comparison: what should not take longer than what."""

    text: str
    ours: float
    limit: float

    @property
    def reached(self) -> bool:
        """Whether it is so."""
        return self.ours <= self.limit


class Results:
    """Medians over the rounds of a run.

    Args:
        samples: seconds by column, ranks and case.
        titles: the columns, in order.
        cores: of the machine; with more ranks than that a core is shared.
    """

    def __init__(self, samples: Samples, titles: list[str], cores: int) -> None:
        self.titles = titles
        self.cores = cores
        self._medians = {key: statistics.median(values) for key, values in samples.items()}

    def of(self, title: str, ranks: int, case: Case) -> float | None:
        """Median seconds, or None where it was not measured."""
        return self._medians.get((title, ranks, case))

    def rows(self) -> Iterator[tuple[Case, int]]:
        """Every case and world that was measured."""
        for case in (SETUP, *CASES):
            for ranks in case.ranks:
                if self.of(OURS, ranks, case) is not None:
                    yield case, ranks

    def peers(self) -> list[str]:
        """The columns that are other libraries."""
        return [title for title in self.titles if title.startswith(("gloo", "MPI"))]

    def goals(self) -> list[Goal]:
        """The goals that the project set itself, as far as they were measured."""
        return [goal for case, ranks in self.rows() for goal in self._goals_of(case, ranks)]

    def _goals_of(self, case: Case, ranks: int) -> Iterator[Goal]:
        ours = self.of(OURS, ranks, case)
        assert ours is not None  # noqa: S101 - `rows` has only what was measured
        where = f"{case.label}, {ranks} ranks"
        if case is SETUP:
            if ranks in SETUP_GOALS:
                limit = SETUP_GOALS[ranks]
                yield Goal(f"{where}: at most {limit * 1e3:.0f} ms", ours, limit)
            return
        original = quoted(case, ranks)
        if original is not None:
            factor = 25 if case.nbytes >= MIB else 1
            what = "25 times as fast as" if factor > 1 else "no slower than"
            yield Goal(f"{where}: {what} the original (quoted)", ours, original / factor)
        yield from self._peer_goals(case, ranks, ours, where)
        for title in ("socket, blocking", "socket, spinning"):
            raw = self.of(title, ranks, case)
            if raw is not None:
                yield Goal(f"{where}: within 1.1 times {title}", ours, raw * 1.1)

    def _peer_goals(self, case: Case, ranks: int, ours: float, where: str) -> Iterator[Goal]:
        for title in self.peers():
            theirs = self.of(title, ranks, case)
            if theirs is None:
                continue
            if case.nbytes >= MIB:
                lenient = title == "gloo, cubic" and ranks == 8
                text = "at least 0.9 times as fast as" if lenient else "faster than"
                yield Goal(f"{where}: {text} {title}", ours, theirs / (0.9 if lenient else 1.0))
            elif title == "MPI" and ranks <= self.cores:
                yield Goal(f"{where}: within 1.5 times {title}", ours, theirs * 1.5)

    def pace(self, small: bool) -> float | None:
        """How many times as long MPI takes here as where the original was measured: the median of the rows.

        Args:
            small: of messages up to `SMALL`, or of the larger ones.
        """
        ratios = []
        for case, ranks in self.rows():
            there, here = quoted_mpi(case, ranks), self.of("MPI", ranks, case)
            if there and here and (case.nbytes <= SMALL) is small:
                ratios.append(here / there)
        return statistics.median(ratios) if ratios else None

    def slower(self) -> list[tuple[Case, int, str, float]]:
        """Where arrays take longer than another column: case, ranks, whose, how many times as long."""
        found = []
        for case, ranks in self.rows():
            ours = self.of(OURS, ranks, case)
            for title in self.titles:
                theirs = self.of(title, ranks, case)
                if ours and theirs and title not in (OURS, LISTS) and ours > theirs * 1.02:
                    found.append((case, ranks, title, ours / theirs))
        return found
