"""Collective calls that nobody waits for: schedules that go on whenever what they wait for is over.

Their messages are numbered for each pair of ranks, as those from send to recv are, when a call is started.
All ranks start these calls in the same order, and both ends of a pair know from the schedule how many
messages it has, so both count alike. Any number of calls may be under way at once, and end in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from fmi.collectives.context import as_bytes, carry_out
from fmi.collectives.schedule import Act
from fmi.protocol.frames import PART, Call, part_of
from fmi.protocol.transfer import ReceiveTransfer, Transfer

if TYPE_CHECKING:
    from fmi._datatypes import Array
    from fmi.collectives.plans import Plan


class Transfers(Protocol):
    """What these calls use of a channel; `fmi.channels.base.Channel` describes the methods."""

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending."""

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving."""

    def while_waiting(self, action: Callable[[], None] | None) -> None:
        """Have this done in every wait, whenever something has come."""


class RunningCall(Transfer):
    """One call under way.

    Args:
        channel: what it goes over.
        rank: this rank.
        call: which one it is.
        plan: its schedule and arrays; it has begun.
        numbers: of each message, in order: what is done with it, with whom, and its number.

    Attributes:
        waits: what has to be over before it goes on.
    """

    def __init__(
        self, channel: Transfers, rank: int, call: Call, plan: Plan, numbers: Iterable[tuple[Act, int, int]]
    ) -> None:
        super().__init__(rank, call)
        self.waits: list[Transfer] = []
        self._channel = channel
        self._plan = plan
        self._sends: dict[int, list[int]] = {}
        self._receives: dict[int, list[int]] = {}
        for act, peer, number in reversed(list(numbers)):
            queues = self._sends if act is Act.SEND else self._receives
            queues.setdefault(peer, []).append(number)
        self._sent: list[Transfer] = []
        self._announced: dict[int, Transfer] = {}
        self._steps = carry_out(self, plan.schedule, plan.memory)

    def __str__(self) -> str:
        return str(part_of(self.call, 0)).partition(", message")[0]

    def send(self, peer: int, array: Array) -> None:
        """Start sending."""
        call = part_of(self.call, self._sends[peer].pop())
        self._sent.append(self._channel.start(peer, call, as_bytes(array)))

    def prepare(self, peer: int, array: Array) -> None:
        """Start receiving."""
        self._announced[peer] = self._expect(peer, array)

    def go_on(self) -> None:
        """Do what can be done now."""
        while not self.done and all(each.done for each in self.waits):
            try:
                need = next(self._steps)
            except StopIteration:
                self._plan.finish()
                self.done = True
                return
            if need is None:
                self.waits, self._sent = self._sent, []
            else:
                peer, array = need
                announced = peer in self._announced
                self.waits = [self._announced.pop(peer) if announced else self._expect(peer, array)]

    def _expect(self, peer: int, array: Array) -> Transfer:
        call = part_of(self.call, self._receives[peer].pop())
        return self._channel.expect(peer, call, as_bytes(array))


class RunningCalls:
    """The calls of one rank that are under way.

    Args:
        channel: what they go over.
        rank, size: this rank, and the number of ranks.
    """

    def __init__(self, channel: Transfers, rank: int, size: int) -> None:
        self._channel = channel
        self._rank = rank
        self._sent_to = [0] * size
        self._received_from = [0] * size
        self._under_way: list[RunningCall] = []
        self._is_going_on = False

    def __bool__(self) -> bool:
        return bool(self._under_way)

    def start(self, call: Call, plan: Plan) -> RunningCall:
        """Start a call; its arrays are in use until it is done."""
        plan.begin()
        running = RunningCall(self._channel, self._rank, call, plan, self._number(plan))
        self._under_way.append(running)
        self._channel.while_waiting(self.go_on)
        self.go_on()
        return running

    def go_on(self) -> None:
        """Do what can be done now, of every call."""
        if self._is_going_on:  # what is done here may wait itself
            return
        self._is_going_on = True
        try:
            for each in self._under_way:
                each.go_on()
        except BaseException:
            self.drop()
            raise
        finally:
            self._is_going_on = False
        self._under_way = [each for each in self._under_way if not each.done]
        if not self._under_way:
            self.drop()

    def drop(self) -> None:
        """Let no call go on any more; those under way are never done."""
        self._under_way = []
        self._channel.while_waiting(None)

    def _number(self, plan: Plan) -> list[tuple[Act, int, int]]:
        """Of each message of a plan: what is done with it, with whom, and its number."""
        numbers: list[tuple[Act, int, int]] = []
        for step in plan.schedule:
            if step.act is not Act.JOIN:
                counts = self._sent_to if step.act is Act.SEND else self._received_from
                numbers.append((step.act, step.peer, counts[step.peer]))
                counts[step.peer] = (counts[step.peer] + 1) % PART
        return numbers
