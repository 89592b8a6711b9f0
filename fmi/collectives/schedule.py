"""Collective calls with small messages as schedules: what a rank sends and receives, step by step.

Every rank follows its own list, which depends only on what all ranks know. Two things can run it:
`run_schedule` over any channel, and `fmi.channels.direct.persistent`, faster, over connections.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine
from fmi.collectives.context import Context
from fmi.collectives.select import STAR_RANKS
from fmi.collectives.topology import children, parent


class Act(enum.Enum):
    """What a rank does with a message: send what it holds, hold what comes instead, or combine the two."""

    SEND = enum.auto()
    TAKE = enum.auto()
    AFTER = enum.auto()  # what comes is from ranks before those whose data this rank holds
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
    """The ranks that the steps are with."""
    return tuple(dict.fromkeys(peer for _, peer in steps))


def whole_range(steps: Sequence[Step], count: int) -> list[tuple[int, int, int, int]]:
    """The steps with the range of elements that they are about, all `count` of them."""
    return [(act.value - 1, peer, 0, count) for act, peer in steps]


@functools.cache
def through_rank_0(rank: int, size: int) -> Schedule:
    """Rank 0 hears from all and answers all: the fewest messages, for ranks that take turns on a core."""
    if size <= STAR_RANKS:
        below, above = tuple(range(1, size)) if rank == 0 else (), 0 if rank else None
    else:
        below, above = children(rank, size), parent(rank)
    steps = [Step(Act.BEFORE, child) for child in below]
    if above is not None:
        steps += [Step(Act.SEND, above), Step(Act.TAKE, above)]
    return (*steps, *(Step(Act.SEND, child) for child in reversed(below)))
