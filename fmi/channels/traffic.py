"""How much a collective call sends and how long its ranks wait for each other, from their schedules.

For the model that chooses a channel: it needs only what every rank knows. A message takes one turn of its
sender and one of its receiver, who each handle one message at a time, in the same turn if both are free.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from fmi.collectives import bcast, gather, select
from fmi.collectives.schedule import Act, Schedule, Step
from fmi.collectives.select import Amount, Place
from fmi.collectives.topology import even_bounds
from fmi.protocol.frames import Operation

# Where not every rank knows how much there is to send, it counts as this much.
NOMINAL_BYTES = 1024
# In larger worlds, ranks that all do the same are counted by one of them.
COUNTED_RANKS = 64


class Traffic(NamedTuple):
    """What one call of an operation sends.

    Attributes:
        rounds: messages that have to wait for each other, or for one rank.
        serial_bytes: the most that messages carry which have to wait for each other, or for one rank.
        messages: in all, on all ranks.
        total_bytes: what they carry.
    """

    rounds: int
    serial_bytes: int
    messages: int
    total_bytes: int


@functools.lru_cache(256)
def traffic(operation: Operation, nbytes: int | None, size: int) -> Traffic:
    """What one call sends in a world of this size.

    Args:
        operation: which one.
        nbytes: as the call's `elements` says it: a rank's block for gather and allgather, everything for
            scatter, allgatherv and alltoall, the operand of a reduction; None where not every rank knows.
        size: number of ranks.
    """
    n = NOMINAL_BYTES if nbytes is None else nbytes
    if operation is Operation.SEND:
        return Traffic(1, n, 1, n) if size > 1 else Traffic(0, 0, 0, 0)
    return of_schedules(lambda rank: _SCHEDULES[operation](Place(rank, size), n), size)


def of_schedules(schedule_of: Callable[[int], Schedule], size: int) -> Traffic:
    """What the ranks send that follow these schedules."""
    alike = size > COUNTED_RANKS and _are_alike(schedule_of(0), schedule_of(1), size)
    counted = [schedule_of(rank) for rank in range(1 if alike else size)]
    sent = [step.hi - step.lo for schedule in counted for step in schedule if step.act is Act.SEND]
    times = size // len(counted)
    return Traffic(
        rounds=_longest(counted, size, lambda _: 1),
        serial_bytes=_longest(counted, size, lambda step: step.hi - step.lo),
        messages=len(sent) * times,
        total_bytes=sum(sent) * times,
    )


def _are_alike(first: Schedule, second: Schedule, size: int) -> bool:
    """Whether ranks 0 and 1 do the same, each with the ranks at the same distances."""
    turned = [(act, (peer + 1) % size) for act, peer, _, _ in first]
    return turned == [(act, peer) for act, peer, _, _ in second]


def _longest(schedules: Sequence[Schedule], size: int, cost: Callable[[Step], int]) -> int:
    """How long the call takes if a message costs so much; with one schedule, of all ranks alike."""
    alike = len(schedules) < size
    mail: defaultdict[object, deque[int]] = defaultdict(deque)

    def follow(rank: int, steps: Iterable[Step]) -> Generator[None, None, int]:
        now = sender_free = 0
        for step in steps:
            peer = step.peer
            if step.act is Act.SEND:
                sender_free = max(now, sender_free) + cost(step)
                mail[(peer - rank) % size if alike else (rank, peer)].append(sender_free)
            elif step.act is not Act.JOIN:
                while not (box := mail[(rank - peer) % size if alike else (peer, rank)]):
                    yield
                now = max(box.popleft(), now + cost(step))
        return max(now, sender_free)

    return max(_in_turn([follow(rank, steps) for rank, steps in enumerate(schedules)]))


def _in_turn(tasks: Iterable[Generator[None, None, int]]) -> Iterator[int]:
    """What tasks return that go on when it is their turn again."""
    waiting = deque(tasks)
    while waiting:
        try:
            next(waiting[0])
        except StopIteration as stop:
            waiting.popleft()
            yield stop.value
        else:
            waiting.rotate(-1)


def _each(nbytes: int, place: Place) -> Amount:
    return Amount(nbytes // place.size, 1)


def _blocks(nbytes: int, size: int) -> tuple[tuple[int, int], ...]:
    return tuple(itertools.pairwise(even_bounds(nbytes, size)))


def _reduce_scatter(place: Place, n: int) -> Schedule:
    amount = Amount(n, 1)
    if select.is_large_reduce_scatter(place.size, amount, select.ANY_ORDER):
        return select.ring_reduce_schedule(place, _blocks(n, place.size), amount.segment)
    return select.allreduce_schedule(place, amount)


def _star(place: Place, n: int) -> Schedule:
    return select.gatherv_schedule(place, 0, _blocks(n * place.size, place.size))


def _split(place: Place, n: int) -> Schedule:
    """The ranks' colors and keys go up a tree, and all of them down again."""
    return Schedule([*gather.tree(*place, n, 0), *bcast.tree(*place, n * place.size, 0)])


# As ranks with cores of their own do it; others are on one machine, where there is nothing to choose.
_SCHEDULES: dict[Operation, Callable[[Place, int], Schedule]] = {
    Operation.BARRIER: lambda place, _: select.barrier_schedule(place, False),
    Operation.BCAST: lambda place, n: select.bcast_schedule(place, Amount(n, 1), 0),
    Operation.REDUCE: lambda place, n: select.reduce_schedule(place, Amount(n, 1), 0),
    Operation.GATHER: lambda place, n: select.gather_schedule(place, Amount(n, 1), 0),
    Operation.SCATTER: lambda place, n: select.scatter_schedule(place, _each(n, place), 0),
    Operation.GATHERV: _star,
    Operation.SCATTERV: _star,
    Operation.ALLREDUCE: lambda place, n: select.allreduce_schedule(place, Amount(n, 1)),
    Operation.REDUCE_SCATTER: _reduce_scatter,
    Operation.SCAN: lambda place, n: select.scan_schedule(place, Amount(n, 1)),
    Operation.EXSCAN: lambda place, n: select.exscan_schedule(place, Amount(n, 1)),
    Operation.ALLGATHER: lambda place, n: select.allgather_schedule(place, Amount(n, 1)),
    Operation.ALLGATHERV: lambda place, n: select.allgatherv_schedule(place, _blocks(n, place.size)),
    Operation.ALLTOALL: lambda place, n: select.alltoall_schedule(place, _each(n, place)),
    Operation.SPLIT: _split,
}
