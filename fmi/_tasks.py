"""Waiting on many sockets at once without threads.

A task is a generator that yields a `Wait` whenever it has to wait, and is resumed with the sockets that are
ready; its return value is its result. So the code for one connection reads like blocking code, and one `poll`
serves all tasks.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

READ = select.POLLIN
WRITE = select.POLLOUT

Ready = dict[int, int]
Result = TypeVar("Result")


class Wait(NamedTuple):
    """What a task waits for: file descriptors with READ or WRITE, until a time (`time.monotonic()`)."""

    sockets: Mapping[int, int]
    until: float


Task = Generator[Wait, Ready, Result]


class Running(Generic[Result]):
    """A task under way: `wait` is what it waits for until it is `done`; `result` is what it returned."""

    def __init__(self, task: Task[Result]) -> None:
        self._task = task
        self.wait = Wait({}, 0.0)
        self.done = False
        self.result: Result | None = None
        self._step(None)

    def resume(self, ready: Ready) -> None:
        """Resume the task if something that it waits for has come. Raises what the task raises."""
        mine = {fd: events for fd, events in ready.items() if fd in self.wait.sockets}
        if mine or time.monotonic() >= self.wait.until:
            self._step(mine)

    def close(self) -> None:
        """End the task early; it closes its own sockets."""
        self._task.close()

    def _step(self, ready: Ready | None) -> None:
        try:
            self.wait = next(self._task) if ready is None else self._task.send(ready)
        except StopIteration as stop:
            self.done = True
            self.result = stop.value


def combine(waits: Iterable[Wait], until: float) -> Wait:
    """One wait for whatever of these comes first."""
    sockets: dict[int, int] = {}
    for wait in waits:
        sockets.update(wait.sockets)
        until = min(until, wait.until)
    return Wait(sockets, until)


def poll(wait: Wait) -> Ready:
    """Block until one of the sockets is ready or the time has come."""
    poller = select.poll()
    for fd, events in wait.sockets.items():
        poller.register(fd, events)
    return dict(poller.poll(milliseconds_until(wait.until)))


def milliseconds_until(moment: float) -> float | None:
    """A timeout for `poll`; not rounded down, so that a short remainder does not become a busy loop."""
    return None if moment == math.inf else max(0.0, (moment - time.monotonic()) * 1000.0)


def run_all(tasks: Iterable[Task[object]], until: float) -> None:
    """Run tasks side by side until all are done or the time has come; then close the others."""
    running: list[Running[object]] = []
    try:
        running.extend(Running(task) for task in tasks)
        while (running := [task for task in running if not task.done]) and time.monotonic() < until:
            ready = poll(combine((task.wait for task in running), until))
            for task in running:
                task.resume(ready)
    finally:
        for task in running:
            task.close()


@contextlib.contextmanager
def closing_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    """Close the socket if the block raises; keep it open otherwise."""
    try:
        yield sock
    except BaseException:
        sock.close()
        raise
