"""Scan and exscan: every rank gets the arrays of the ranks up to it, or before it, combined in rank order."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives.context import Context
from fmi.collectives.schedule import Act, Schedule, Step, peers_of, run_schedule
from fmi.collectives.select import scans_by_tree
from fmi.collectives.topology import powers


def scan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """The ranks that `scan` talks to."""
    if scans_by_tree(function):
        return peers_of(scan_steps(rank, size))
    return exscan_peers(rank, size, function)


def exscan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """The ranks that `exscan` talks to."""
    distances = powers(size) if function.associative else (1,)
    return [other for d in distances for other in (rank - d, rank + d) if 0 <= other < size]


def scan(context: Context, total: Array, function: func, combine: Combine) -> None:
    """Replace the array by the combined arrays of rank 0 to this rank, in rank order."""
    received = np.empty_like(total)
    if not function.associative:
        _pass_along(context, total, received, combine)
        return
    if scans_by_tree(function):
        run_schedule(context, scan_steps(context.rank, context.size), total, combine)
        return
    for distance in powers(context.size):
        if _shift(context, distance, total, received):
            combine(received, total, total)


def exscan(context: Context, array: Array, total: Array, function: func, combine: Combine) -> None:
    """Fill the total with the combined arrays of all ranks before this one; rank 0's stays as it is."""
    through, received = array.copy(), np.empty_like(array)
    if not function.associative:
        _pass_along(context, through, received, combine)
        if context.rank > 0:
            total[...] = received
        return
    filled = False
    for distance in powers(context.size):
        if not _shift(context, distance, through, received):
            continue
        combine(received, through, through)
        if filled:
            combine(received, total, total)
        else:
            total[...] = received
            filled = True


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


def _shift(context: Context, distance: int, total: Array, received: Array) -> bool:
    """Send the total that many ranks up, and receive one from as many below, where there are such ranks."""
    if context.rank + distance < context.size:
        context.send(context.rank + distance, total)
    if context.rank >= distance:
        context.receive(context.rank - distance, received)
    context.flush()
    return context.rank >= distance


def _pass_along(context: Context, total: Array, received: Array, combine: Combine) -> None:
    """From rank to rank: take the result so far, add this rank's, pass it on."""
    if context.rank > 0:
        context.receive(context.rank - 1, received)
        combine(received, total, total)
    if context.rank + 1 < context.size:
        context.send(context.rank + 1, total)
        context.flush()
