"""A sweep while it runs: executions, ranks by state, elapsed, estimated end, cost so far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cosmic_fmi.common.durations import duration
from cosmic_fmi.experiment.execution.rank_states import RankStates
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.ui.console import Reporter


class SweepProgress:
    """What is shown of a sweep; a context manager.

    On a terminal a few live lines; in a log file one line at the start and one at the end of each execution;
    for scripts the events ``run_started``, ``ranks`` (when they change) and ``run_finished``.

    Args:
        reporter: where to.
        predicted_s: predicted seconds of each run by its id, in the order in which they are made; None where
            that is not known.
        free: whether the cost is only what AWS would have charged.
    """

    def __init__(self, reporter: Reporter, predicted_s: Mapping[str, float | None], *, free: bool) -> None:
        self._reporter = reporter
        self._left = dict(predicted_s)
        self._total = len(predicted_s)
        self._free = free
        self._started = time.monotonic()
        self._run_started = self._started
        self._predicted_done = 0.0
        self._run: RunSpec | None = None
        self._ranks: RankStates | None = None
        self._failed = 0
        self.cost_usd = 0.0
        self._live: Live | None = None

    def __enter__(self) -> SweepProgress:
        if self._reporter.interactive:
            self._live = Live(get_renderable=self._render, console=self._reporter.console, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    @contextmanager
    def run(self, spec: RunSpec, ranks: int | None) -> Iterator[None]:
        """One execution: started when the block begins, no longer under way when it ends."""
        self._run, self._ranks, self._run_started = spec, None, time.monotonic()
        self._reporter.event(
            "run_started", run_id=spec.run_id, number=self.done + 1, of=self._total, ranks=ranks
        )
        if not self._live:
            self._reporter.message(f"Run {self.done + 1} of {self._total}, {spec.run_id} ...")
        try:
            yield
        finally:
            self._run = None

    def ranks(self, states: RankStates) -> None:
        """The ranks' states at this moment."""
        if states != self._ranks and self._run is not None:
            self._ranks = states
            self._reporter.event(
                "ranks",
                run_id=self._run.run_id,
                waiting=states.waiting,
                running=states.running,
                succeeded=states.succeeded,
                failed=states.failed,
            )

    def finished(self, spec: RunSpec, status: str, seconds: float, cost_usd: float) -> None:
        """An execution ended and its results were collected."""
        self._predicted_done += self._left.pop(spec.run_id, None) or 0.0
        self._failed += status != "succeeded"
        self.cost_usd += cost_usd
        self._reporter.event(
            "run_finished",
            run_id=spec.run_id,
            status=status,
            duration_s=seconds,
            cost_usd=cost_usd,
            cost_so_far_usd=self.cost_usd,
            remaining_s=self.remaining_s,
        )
        left = self.remaining_s
        end = "" if not self._left or left is None else f", about {duration(left)} left"
        self._reporter.message(
            f"Run {self.done} of {self._total}, {spec.run_id}: {status} in {seconds:.1f} s, "
            f"{self._money(cost_usd)}; {self._money(self.cost_usd)} so far{end}",
            None if status == "succeeded" else "red",
        )

    @property
    def done(self) -> int:
        """Executions that ended."""
        return self._total - len(self._left)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the end, by the predictions and how far the runs so far were off them.

        Without predictions it goes by the mean of the runs so far; None before the first has ended.
        """
        elapsed = time.monotonic() - self._started
        running = time.monotonic() - self._run_started if self._run else 0.0
        known = [seconds for seconds in self._left.values() if seconds is not None]
        if len(known) == len(self._left):
            slower = elapsed / self._predicted_done if self._predicted_done else 1.0
            return max(0.0, sum(known) * slower - running)
        if not self.done:
            return None
        return max(0.0, len(self._left) * (elapsed - running) / self.done - running)

    def _money(self, usd: float) -> str:
        return f"${usd:.4f}{' on AWS' if self._free else ''}"

    def _left_in_words(self) -> str:
        seconds = self.remaining_s
        if seconds is None:
            return "how long it takes is not known yet"
        if self._run is not None and not seconds:
            return "longer than predicted"
        return f"about {duration(seconds)} left ({datetime.now() + timedelta(seconds=seconds):%H:%M})"

    def _render(self) -> Group:
        elapsed = time.monotonic() - self._started
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            "executions",
            ProgressBar(total=self._total, completed=self.done, width=30),
            f"{self.done} of {self._total}" + (f", [red]{self._failed} failed[/red]" if self._failed else ""),
        )
        if self._run is not None:
            states = self._ranks
            total = states.total if states else None
            grid.add_row(
                escape(self._run.run_id),
                ProgressBar(total=total, completed=states.done if states else 0, width=30),
                str(states) if states else "starting",
            )
        left = self._left_in_words()
        line = Text(
            f"{duration(elapsed)} elapsed, {left}, {self._money(self.cost_usd)} so far",
            style="dim",
        )
        return Group(grid, line)
