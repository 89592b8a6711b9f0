"""Progress of the Python interface: on stderr as on a command's terminal, or as bars in Jupyter."""

from __future__ import annotations

import html
import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from cosmic_fmi.experiment.ui.console import Mode, Reporter, Step

_EVERY_S = 0.1
"""A bar is drawn no more often: each time is a message to the browser."""


def reporter_for(*, progress: bool) -> Reporter:
    """Where messages go here; without ``progress`` only what failed."""
    mode: Mode = "people" if progress else "quiet"
    if Console().is_jupyter:
        return NotebookReporter(Console(highlight=False, force_jupyter=False, width=100), mode)
    return Reporter(Console(highlight=False, stderr=True), mode)


class _Bar:
    """A line of a notebook's output that is drawn again and again; nothing without IPython's display."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._drawn = 0.0

    def draw(self, title: str, done: int, total: int | None, note: str, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._drawn < _EVERY_S:
            return
        shows = importlib.import_module("IPython.display")  # only there in a notebook
        # Without a value, browsers show that something goes on.
        value = f' value="{done}" max="{total}"' if total else ""
        shown = shows.HTML(
            f"<progress{value}></progress> {html.escape(title)} <small>{html.escape(note)}</small>"
        )
        self._drawn = time.monotonic()
        if self._handle is None:
            self._handle = shows.display(shown, display_id=True)
        else:
            self._handle.update(shown)


class NotebookReporter(Reporter):
    """Messages as text, and a bar for each run and each step."""

    def __init__(self, console: Console, mode: Mode = "people") -> None:
        super().__init__(console, mode)
        self._bar = _Bar()
        self._run = ""
        self._ranks = 0

    def event(self, event: str, **fields: object) -> None:
        """Draw the bar of the run that is under way: how many of its ranks have ended."""
        super().event(event, **fields)
        if self.mode != "people":
            return
        if event == "run_started":
            self._bar, self._run, self._ranks = _Bar(), str(fields["run_id"]), 0
            self._bar.draw(self._run, 0, None, "starting", now=True)
        elif event == "ranks":
            counts = {name: int(str(fields[name])) for name in ("waiting", "running", "succeeded", "failed")}
            self._ranks = sum(counts.values())
            said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
            done = counts["succeeded"] + counts["failed"]
            self._bar.draw(self._run, done, self._ranks, f"{said} of {self._ranks} ranks", now=True)
        elif event == "run_finished":
            total = self._ranks or 1
            self._bar.draw(self._run, total, total, str(fields.get("status", "")), now=True)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """As of a terminal, with a bar in place of its lines."""
        if self.mode != "people":
            with super().step(title, total) as quiet:
                yield quiet
            return
        started, step = time.monotonic(), _NotebookStep(title, total)
        yield step
        step.end(time.monotonic() - started)


class _NotebookStep(Step):
    """A step with a bar."""

    def __init__(self, title: str, total: int | None) -> None:
        super().__init__(title, total, None)
        self._bar = _Bar()
        self._done, self._total = 0, total
        self._bar.draw(title, 0, total, "", now=True)

    def update(self, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
        """Draw the bar."""
        super().update(done, total, note)
        self._done = self._done if done is None else done
        self._total = self._total if total is None else total
        self._bar.draw(self.title, self._done, self._total, self.note)

    def end(self, seconds: float) -> None:
        """Say how long it took."""
        note = f"{seconds:.1f} s{f', {self.note}' if self.note else ''}"
        self._bar.draw(self.title, 1, 1, note, now=True)
