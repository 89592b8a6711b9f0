"""Pairing with peers side by side, also with those that want this rank while it waits for others.

A rank that waits for one peer may be the one that another rank waits for: in a ring where every rank first
sends to the next, no two would ever pair. So a rank that has waited for a moment notifies those that it waits
for and waits for notices itself, and it pairs with whoever notifies it beside whatever it waits for.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Iterable

from fmi._tasks import Ready, Running, Wait, combine
from fmi.config import Config
from fmi.rendezvous import hole_punch
from fmi.rendezvous.client import Rendezvous, quietly
from fmi.rendezvous.handshake import derive, note_pair, notice_name

FIRST_NOTICE_S = 0.01
LAST_NOTICE_S = 0.5
# The rendezvous server answers at once; a longer silence means a lost packet or a lost server.
ANSWER_S = 5.0


class Connector:
    """The pairings of one rank that are under way.

    Args:
        rank, world_size, comm_name, config: this rank, its world, and how to reach the rendezvous server.
        unconnected: returns the peers that are not connected.
        on_paired: is called with a peer and its new connection.
    """

    def __init__(
        self,
        rank: int,
        world_size: int,
        comm_name: str,
        config: Config,
        *,
        unconnected: Callable[[], set[int]],
        on_paired: Callable[[int, socket.socket], None],
    ) -> None:
        self.rendezvous = Rendezvous(config.host, config.port, config.protocol, min(config.setup_s, ANSWER_S))
        self._rank = rank
        self._world_size = world_size
        self._comm_name = comm_name
        self._config = config
        self._unconnected = unconnected
        self._on_paired = on_paired
        self._pairings: dict[int, Running[socket.socket]] = {}
        self._failures: dict[int, tuple[int, str]] = {}
        self._listener: Running[None] | None = None
        self._side_tasks: list[Running[None]] = []
        self._notify_at = 0.0
        self._notify_pause = FIRST_NOTICE_S

    @property
    def pending(self) -> set[int]:
        """Peers that pairing is under way with."""
        return set(self._pairings)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to wait for here."""
        return not self._pairings and self._listener is None

    def describe_failures(self, peers: Iterable[int]) -> str:
        """How often pairing with these peers failed, and why the last time; empty if none of them came."""
        failures = [self._failures[peer] for peer in peers if peer in self._failures]
        if not failures:
            return ""
        count, last = sum(count for count, _ in failures), failures[-1][1]
        return f"; {count} attempt{'s' * (count != 1)} to connect failed, the last because {last}"

    def connect(self, peers: Iterable[int]) -> None:
        """Start pairing with peers."""
        for peer in peers:
            if peer not in self._pairings:
                pair = derive(self._config.secret, self._comm_name, self._rank, peer, self._world_size)
                on_failure = functools.partial(self._note_failure, peer)
                self._pairings[peer] = Running(
                    hole_punch.connect(pair, self.rendezvous, self._config, on_failure)
                )
        self._notify_pause = FIRST_NOTICE_S
        self._notify_at = time.monotonic() + self._notify_pause

    def listen(self) -> None:
        """Wait for notices, if there are peers left that could send one."""
        if self._listener is None and self._unconnected():
            name = notice_name(self._config.secret, self._comm_name, self._rank)
            self._listener = Running(quietly(self.rendezvous.wait_for_notices(name, self._answer)))
            place = self._config.place
            if place and place[0] != self._comm_name:
                # A rank that failed before it made this communicator knows only the world's name.
                note = note_pair(self._config.secret, *place)
                self._side_tasks.append(Running(quietly(self.rendezvous.await_note(note))))

    def wait(self, until: float) -> Wait:
        """What to wait for next."""
        waits = [pairing.wait for pairing in self._pairings.values()]
        waits += [task.wait for task in self._tasks() if not task.done]
        return combine(waits, min(until, self._notify_at) if self._pairings else until)

    def advance(self, ready: Ready) -> None:
        """Move on whatever is ready. Raises what a pairing raises."""
        for task in self._tasks():
            if not task.done:
                task.resume(ready)
        self._side_tasks = [task for task in self._side_tasks if not task.done]
        for peer, pairing in list(self._pairings.items()):
            try:
                pairing.resume(ready)
            except BaseException:
                del self._pairings[peer]
                raise
            if pairing.done:
                del self._pairings[peer]
                assert pairing.result is not None  # noqa: S101 - a pairing ends with a socket or raises
                self._on_paired(peer, pairing.result)
        if self._pairings and time.monotonic() >= self._notify_at:
            self._notify()

    def stop_listening(self) -> None:
        """Stop waiting for notices."""
        for task in self._tasks():
            task.close()
        self._side_tasks.clear()
        self._listener = None

    def close(self) -> None:
        """End every pairing under way."""
        self.stop_listening()
        for pairing in self._pairings.values():
            pairing.close()
        self._pairings.clear()

    def _tasks(self) -> list[Running[None]]:
        return self._side_tasks if self._listener is None else [*self._side_tasks, self._listener]

    def _notify(self) -> None:
        """Notify every peer that has not come yet, less and less often."""
        self.listen()
        for peer in self._pairings:
            name = notice_name(self._config.secret, self._comm_name, peer)
            self._side_tasks.append(Running(quietly(self.rendezvous.notify(name, self._rank))))
        self._notify_pause = min(self._notify_pause * 2, LAST_NOTICE_S)
        self._notify_at = time.monotonic() + self._notify_pause

    def _note_failure(self, peer: int, failure: str) -> None:
        count, _ = self._failures.get(peer, (0, ""))
        self._failures[peer] = count + 1, failure

    def _answer(self, peer: int) -> None:
        if peer in self._unconnected() and peer not in self._pairings:
            self.connect([peer])
