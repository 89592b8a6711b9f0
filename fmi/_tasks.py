"""Waiting on many sockets at once without threads.

A task is a generator that yields a `Wait` whenever it has to wait, and is resumed with the sockets that are
ready; its return value is its result. So the code for one connection reads straight down, and one `poll`
serves them all.
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
    """What a task waits for: file descriptors with READ or WRITE, and a point of `time.monotonic()`."""

    sockets: Mapping[int, int]
    until: float


Task = Generator[Wait, Ready, Result]


class Running(Generic[Result]):
    """A task under way: `wait` is what it waits for until it is `done`; then `result` is what it returned."""

    def __init__(self, task: Task[Result]) -> None:
        self._task = task
        self.wait = Wait({}, 0.0)
        self.done = False
        self.result: Result | None = None
        self._step(None)

    def resume(self, ready: Ready) -> None:
        """Go on if something this task waits for has come. What the task raises comes out here."""
        mine = {fd: events for fd, events in ready.items() if fd in self.wait.sockets}
        if mine or time.monotonic() >= self.wait.until:
            self._step(mine)

    def close(self) -> None:
        """End the task early; it closes its sockets."""
        self._task.close()

    def _step(self, ready: Ready | None) -> None:
        try:
            self.wait = next(self._task) if ready is None else self._task.send(ready)
        except StopIteration as stop:
            self.done = True
            self.result = stop.value


def combine(waits: Iterable[Wait], until: float) -> Wait:
    """One wait for whatever comes first."""
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
    """A timeout for `poll`, never below what is left, so that a short rest does not become a busy loop."""
    return None if moment == math.inf else max(0.0, (moment - time.monotonic()) * 1000.0)


def run_all(tasks: Iterable[Task[object]], until: float) -> None:
    """Run tasks side by side until all are done or the time has come; then end the rest."""
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
    """Keep the socket open when the block ends well, close it when it does not."""
    try:
        yield sock
    except BaseException:
        sock.close()
        raise
