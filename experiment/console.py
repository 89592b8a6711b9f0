"""Progress for people: a live line on a terminal, short plain lines in a log file or a CI job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step:
    """A piece of work in progress; ``update`` is cheap and may be called often."""

    def __init__(self, title: str, total: int | None, progress: Progress | None) -> None:
        self.title = title
        self.note = ""
        self._progress = progress
        self._task = None if progress is None else progress.add_task(escape(title), total=total, note="")

    def update(self, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
        """Show ``done`` of ``total`` and a short note (what is being done right now)."""
        if note is not None:
            self.note = note
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total, note=escape(self.note))


class Reporter:
    """Where an experiment's messages go."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def say(self, message: str, style: str | None = None) -> None:
        """One line, printed above whatever is live."""
        self.console.print(escape(message), style=style, soft_wrap=True)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Show ``title`` while the block runs, then one line that says how long it took and its last note."""
        started = time.monotonic()
        if self.console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[note]}"),
            )
            with Progress(*columns, console=self.console, transient=True) as progress:
                step = Step(title, total, progress)
                yield step
        else:
            self.say(f"{title} ...")
            step = Step(title, total, None)
            yield step
        note = f" ({step.note})" if step.note else ""
        self.say(f"{title}: {time.monotonic() - started:.1f} s{note}")
