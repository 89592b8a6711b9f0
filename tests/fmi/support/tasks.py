"""Running a task of `fmi._tasks` alone."""

from __future__ import annotations

from typing import Any

from fmi._datatypes import Value
from fmi._tasks import Task, poll


def drive(task: Task[Any]) -> Value:
    """Run one task to its end."""
    wait = next(task)
    try:
        while True:
            wait = task.send(poll(wait))
    except StopIteration as stop:
        return stop.value
