"""Collective calls as steps: what a rank sends and receives, one after the other.

Every rank follows its own list, which depends only on what all ranks know. A call whose messages are small
goes this way whichever way it is carried out: `run_schedule` does it over any channel,
`fmi.channels.direct._persistent_steps` faster over connections.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives._context import Context
from fmi.collectives._topology import children, parent, powers

# Up to here one rank that hears from all and answers all is done sooner than a tree, whose inner ranks have
# to be woken more often.
STAR_RANKS = 16


class Act(enum.Enum):
    """What a rank does with a message: send what it holds, hold what comes instead, or combine the two."""

    SEND = enum.auto()
    TAKE = enum.auto()
    AFTER = enum.auto()  # what comes is of ranks before those whose data this rank holds
    BEFORE = enum.auto()


class Step(NamedTuple):
    """One message: what is done with it, and with whom."""

    act: Act
    peer: int


Schedule = tuple[Step, ...]


def run_schedule(context: Context, steps: Sequence[Step], held: Array, combine: Combine) -> None:
    """Carry out the steps; `held` is what this rank begins with, and what it ends with."""
    received = np.empty_like(held)
    for act, peer in steps:
        if act is Act.SEND:
            context.send(peer, held)
        elif act is Act.TAKE:
            context.flush()
            context.receive(peer, held)
        else:
            context.receive(peer, received)
            context.flush()
            left, right = (received, held) if act is Act.AFTER else (held, received)
            combine(left, right, held)
    context.flush()


def peers_of(steps: Sequence[Step]) -> tuple[int, ...]:
    """Whom the steps are with."""
    return tuple(dict.fromkeys(peer for _, peer in steps))


def barrier_steps(rank: int, size: int, oversubscribed: bool) -> Schedule:
    """Nobody is through before everybody has begun."""
    return by_root(rank, size) if oversubscribed else dissemination(rank, size)


def allreduce_steps(rank: int, size: int, oversubscribed: bool) -> Schedule:
    """Everybody gets the same, combined in rank order."""
    return by_root(rank, size) if oversubscribed else doubling(rank, size)


@functools.cache
def dissemination(rank: int, size: int) -> Schedule:
    """After round k each rank has heard, directly or not, of 2^k others."""
    steps = []
    for distance in powers(size):
        steps.append(Step(Act.SEND, (rank + distance) % size))
        steps.append(Step(Act.TAKE, (rank - distance) % size))
    return tuple(steps)


@functools.cache
def doubling(rank: int, size: int) -> Schedule:
    """Recursive doubling. A group is always a run of neighbouring ranks, so the order is kept.

    In a world that is no power of two the first ranks work in pairs, an even one and the next one, which
    acts for both.
    """
    extra = size - (1 << (size.bit_length() - 1))
    paired = rank < 2 * extra
    if paired and rank % 2 == 0:
        return Step(Act.SEND, rank + 1), Step(Act.TAKE, rank + 1)
    place = rank // 2 if paired else rank - extra
    steps = [Step(Act.AFTER, rank - 1)] if paired else []
    for distance in powers(size - extra):
        other = place ^ distance
        peer = 2 * other + 1 if other < extra else other + extra
        steps += [Step(Act.SEND, peer), Step(Act.AFTER if peer < rank else Act.BEFORE, peer)]
    if paired:
        steps.append(Step(Act.SEND, rank - 1))
    return tuple(steps)


@functools.cache
def scan_steps(rank: int, size: int) -> Schedule:
    """Up a tree and down again: each rank ends with what ranks 0 to itself hold, combined in order."""
    steps = []
    for distance in powers(size):
        if (rank + 1) % (2 * distance):
            if rank + distance < size:
                steps.append(Step(Act.SEND, rank + distance))
            break
        steps.append(Step(Act.AFTER, rank - distance))
    for distance in reversed(powers(size)):
        if (rank + 1) % (2 * distance) == 0 and rank + distance < size:
            steps.append(Step(Act.SEND, rank + distance))
        elif (rank + 1) % (2 * distance) == distance and rank >= distance:
            steps.append(Step(Act.AFTER, rank - distance))
    return tuple(steps)


@functools.cache
def by_root(rank: int, size: int) -> Schedule:
    """Rank 0 hears of all and tells all: the fewest messages, for ranks that have to take turns on a core."""
    if size <= STAR_RANKS:
        below, above = tuple(range(1, size)) if rank == 0 else (), 0 if rank else None
    else:
        below, above = children(rank, size), parent(rank)
    steps = [Step(Act.BEFORE, child) for child in below]
    if above is not None:
        steps += [Step(Act.SEND, above), Step(Act.TAKE, above)]
    return (*steps, *(Step(Act.SEND, child) for child in reversed(below)))
