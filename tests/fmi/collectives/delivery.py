"""A world of ranks in one thread, without a socket: schedules are carried out under any order of delivery.

A message leaves its sender's array, is under way, and arrives; the network holds a limited number of messages
between two ranks. What is sent is read as late as the network pleases, and whatever was announced as the
buffer of a message may hold anything until it comes: so a missing flush shows as a wrong result.

Every rank's program is fixed, and whatever a rank waits for stays there until it goes on. So if one order
ends in a deadlock, all do (Kahn 1974), and one order for each limit shows whether there is one. A network
that holds nothing is the worst: a message leaves only when its receiver waits for it. Ranks that wait for
their own messages to leave take nothing in meanwhile here, unlike real ones.
"""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fmi._datatypes import Array
from fmi.collectives.context import Memory, Need, carry_out
from fmi.collectives.schedule import Schedule


class Rank:
    """One rank: what it sent, and what it waits for."""

    def __init__(
        self, number: int, schedule: Schedule, memory: Memory, garbage: Callable[[Array], None]
    ) -> None:
        self.number = number
        self.outgoing: defaultdict[int, deque[Array]] = defaultdict(deque)
        self.announced: dict[int, Array] = {}
        self.need: Need = None
        self.done = False
        self._garbage = garbage
        self._steps: Iterator[Need] = carry_out(self, schedule, memory)
        self.go_on()

    def send(self, peer: int, array: Array) -> None:
        self.outgoing[peer].append(array)

    def prepare(self, peer: int, array: Array) -> None:
        assert peer not in self.announced, "two buffers are announced for one peer"
        self.announced[peer] = array
        self._garbage(array)

    def go_on(self) -> None:
        try:
            self.need = next(self._steps)
        except StopIteration:
            self.done = True


class Network:
    """Delivers messages in an order of its own.

    Args:
        schedules, memories: of each rank.
        limit: how many messages may be under way from one rank to another.
        seed: of the order.
    """

    def __init__(
        self, schedules: Sequence[Schedule], memories: Sequence[Memory], limit: int, seed: int
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._limit = limit
        self._under_way: defaultdict[tuple[int, int], deque[Array]] = defaultdict(deque)
        self._ranks = [
            Rank(number, *each, self._garbage)
            for number, each in enumerate(zip(schedules, memories, strict=True))
        ]

    def run(self) -> None:
        """Deliver everything; a deadlock is an AssertionError."""
        while not all(rank.done for rank in self._ranks):
            actions = [*self._departures(), *self._arrivals()]
            assert actions, f"deadlock: ranks wait for {[rank.need and rank.need[0] for rank in self._ranks]}"
            # None of these makes another one impossible, so several may happen before the next look.
            for action in self._some(actions):
                action()
        assert not any(self._under_way.values()), "a message that nobody took"

    def _some(self, actions: list[Callable[[], None]]) -> list[Callable[[], None]]:
        count = self._random.integers(1, len(actions), endpoint=True)
        return [actions[place] for place in self._random.permutation(len(actions))[:count]]

    def _departures(self) -> Iterator[Callable[[], None]]:
        for rank in self._ranks:
            for peer, queue in rank.outgoing.items():
                if queue and self._has_room(rank.number, peer):
                    yield functools.partial(self._depart, rank, peer)

    def _has_room(self, sender: int, receiver: int) -> bool:
        need = self._ranks[receiver].need
        awaited = need is not None and need[0] == sender
        return len(self._under_way[sender, receiver]) < (self._limit or awaited)

    def _depart(self, rank: Rank, peer: int) -> None:
        self._under_way[rank.number, peer].append(rank.outgoing[peer].popleft().copy())

    def _arrivals(self) -> Iterator[Callable[[], None]]:
        for rank in self._ranks:
            if rank.done:
                continue
            if rank.need is None:
                if not any(rank.outgoing.values()):
                    yield rank.go_on
            elif self._under_way[rank.need[0], rank.number]:
                yield functools.partial(self._arrive, rank, *rank.need)

    def _arrive(self, rank: Rank, peer: int, into: Array) -> None:
        message = self._under_way[peer, rank.number].popleft()
        assert message.size == into.size, f"rank {rank.number} expects {into.size} elements"
        announced = rank.announced.pop(peer, into)
        assert announced.size == into.size
        assert announced.size == 0 or np.shares_memory(announced, into), "another buffer was announced"
        into[...] = message
        rank.go_on()

    def _garbage(self, array: Array) -> None:
        array[...] = "?" if array.dtype == object else 99


def run(schedules: Sequence[Schedule], memories: Sequence[Memory], *, limit: int = 1, seed: int = 0) -> None:
    """Carry out the schedules of all ranks."""
    Network(schedules, memories, limit, seed).run()


def words(size: int, count: int) -> list[Any]:
    """An array of words for each rank: adding them is associative, but not commutative."""
    return [
        np.array([f"{rank}:{place} " for place in range(count)], dtype=object).reshape(count)
        for rank in range(size)
    ]
