"""Where an experiment's messages go: to people, on a terminal or in a log file, or as JSON to a script."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cosmic_fmi.common.foreign_text import shown

Mode = Literal["people", "quiet", "json"]
"""``people``: everything, live on a terminal and as plain lines elsewhere; ``quiet``: what failed and where
the results are; ``json``: one JSON object a line, with the keys ``time`` and ``event``.
"""


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
            self._progress.update(self._task, completed=done, total=total, note=escape(shown(self.note)))


class Reporter:
    """Where an experiment's messages go."""

    def __init__(self, console: Console | None = None, mode: Mode = "people") -> None:
        self.console = console or Console(highlight=False)
        self.mode = mode

    @property
    def interactive(self) -> bool:
        """Whether somebody is there who sees live progress and can answer a question."""
        return self.mode == "people" and self.console.is_terminal

    def message(self, message: str, style: str | None = None, *, important: bool = False) -> None:
        """One line, printed above whatever is live; ``important`` ones also where it is to be quiet."""
        if self.mode == "json":
            self.event("message", text=message)
        elif important or self.mode == "people":
            self.console.print(escape(shown(message)), style=style, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """A table or the like, for people only."""
        if self.mode == "people":
            self.console.print(what)

    def event(self, event: str, **fields: object) -> None:
        """One JSON line for scripts; nothing for people, who are told the same in words."""
        if self.mode == "json":
            record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
            self.console.print(
                json.dumps(record, default=str), markup=False, highlight=False, emoji=False, soft_wrap=True
            )

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Show ``title`` while the block runs, then one line that says how long it took and its last note."""
        started = time.monotonic()
        if self.interactive:
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
            if self.mode == "people":
                self.message(f"{title} ...")
            step = Step(title, total, None)
            yield step
        seconds = time.monotonic() - started
        if self.mode == "json":
            self.event("step", title=title, seconds=round(seconds, 3), note=step.note)
        else:
            note = f" ({step.note})" if step.note else ""
            self.message(f"{title}: {seconds:.1f} s{note}")
