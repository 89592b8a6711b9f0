"""Barrier: no rank leaves before every rank has entered."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from fmi.collectives.context import Context
from fmi.collectives.schedule import Act, Schedule, Step, run_schedule, through_rank_0
from fmi.collectives.topology import powers


def barrier_steps(rank: int, size: int, oversubscribed: bool) -> Schedule:
    """What a rank sends and receives in a barrier."""
    return through_rank_0(rank, size) if oversubscribed else dissemination(rank, size)


def barrier(context: Context, steps: Sequence[Step]) -> None:
    """Wait until every rank is here; `steps` are this rank's `barrier_steps`."""
    run_schedule(context, steps, np.empty(0, np.uint8), lambda *_: None)


@functools.cache
def dissemination(rank: int, size: int) -> Schedule:
    """After round k each rank has heard, directly or not, from 2^k others."""
    steps = []
    for distance in powers(size):
        steps.append(Step(Act.SEND, (rank + distance) % size))
        steps.append(Step(Act.TAKE, (rank - distance) % size))
    return tuple(steps)
