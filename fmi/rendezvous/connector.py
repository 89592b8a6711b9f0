"""Pairing with peers side by side, also with those that want this rank while it is busy with others.

A rank that waits for one peer may be what another one waits for: in a ring where every rank first sends to
the next, nobody would ever come to pair. So a rank that has waited for a moment rings at those it waits for
and listens for rings itself, and whoever rings is paired with beside whatever it waits for.
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
from fmi.rendezvous.handshake import derive, doorbell_name, note_pair

FIRST_NOTICE_S = 0.01
LAST_NOTICE_S = 0.5
# The rendezvous server answers at once; a longer silence is a lost packet or a lost server.
ANSWER_S = 5.0


class Connector:
    """The pairings of one rank that are under way.

    Args:
        unconnected ranks: says which peers are not connected.
        on_paired: takes a new connection.
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
        self._doorbell: Running[None] | None = None
        self._errands: list[Running[None]] = []
        self._notify_at = 0.0
        self._notify_pause = FIRST_NOTICE_S

    @property
    def pending(self) -> set[int]:
        """Peers that pairing is under way with."""
        return set(self._pairings)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to wait for here."""
        return not self._pairings and self._doorbell is None

    def describe_failures(self, peers: Iterable[int]) -> str:
        """How often pairing with these peers failed, and why the last time; nothing if none of them came."""
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
        """Listen for rings, if there is anybody left who could ring."""
        if self._doorbell is None and self._unconnected():
            doorbell = doorbell_name(self._config.secret, self._comm_name, self._rank)
            self._doorbell = Running(quietly(self.rendezvous.listen(doorbell, self._answer)))
            place = self._config.place
            if place and place[0] != self._comm_name:
                # A rank that failed before it had this communicator knows the world's name only.
                note = note_pair(self._config.secret, *place)
                self._errands.append(Running(quietly(self.rendezvous.heed_note(note))))

    def wait(self, until: float) -> Wait:
        """What to wait for next."""
        waits = [pairing.wait for pairing in self._pairings.values()]
        waits += [helper.wait for helper in self._helpers() if not helper.done]
        return combine(waits, min(until, self._notify_at) if self._pairings else until)

    def advance(self, ready: Ready) -> None:
        """Go on with whatever is ready. What a pairing raises comes out here."""
        for helper in self._helpers():
            if not helper.done:
                helper.resume(ready)
        self._errands = [errand for errand in self._errands if not errand.done]
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
        """Be deaf to rings from now on."""
        for helper in self._helpers():
            helper.close()
        self._errands.clear()
        self._doorbell = None

    def close(self) -> None:
        """Give up every pairing under way."""
        self.stop_listening()
        for pairing in self._pairings.values():
            pairing.close()
        self._pairings.clear()

    def _helpers(self) -> list[Running[None]]:
        return self._errands if self._doorbell is None else [*self._errands, self._doorbell]

    def _notify(self) -> None:
        """Ring at everyone who has not come yet, less and less often."""
        self.listen()
        for peer in self._pairings:
            doorbell = doorbell_name(self._config.secret, self._comm_name, peer)
            self._errands.append(Running(quietly(self.rendezvous.notify(doorbell, self._rank))))
        self._notify_pause = min(self._notify_pause * 2, LAST_NOTICE_S)
        self._notify_at = time.monotonic() + self._notify_pause

    def _note_failure(self, peer: int, failure: str) -> None:
        count, _ = self._failures.get(peer, (0, ""))
        self._failures[peer] = count + 1, failure

    def _answer(self, peer: int) -> None:
        if peer in self._unconnected() and peer not in self._pairings:
            self.connect([peer])
