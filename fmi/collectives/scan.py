"""Scans: every rank gets the arrays of the ranks up to it, or before it, combined in rank order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives._context import Context
from fmi.collectives._topology import powers
from fmi.collectives.schedule import peers_of, run_schedule, scan_steps


def scan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """Whom `scan` talks to."""
    if _goes_by_tree(function):
        return peers_of(scan_steps(rank, size))
    return exscan_peers(rank, size, function)


def exscan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """Whom `exscan` talks to."""
    distances = powers(size) if function.associative else (1,)
    return [other for d in distances for other in (rank - d, rank + d) if 0 <= other < size]


def scan(context: Context, total: Array, function: func, combine: Combine) -> None:
    """Replace the array by those of rank 0 to this rank combined, in rank order."""
    received = np.empty_like(total)
    if not function.associative:
        _pass_along(context, total, received, combine)
        return
    if _goes_by_tree(function):
        run_schedule(context, scan_steps(context.rank, context.size), total, combine)
        return
    for distance in powers(context.size):
        if _shift(context, distance, total, received):
            combine(received, total, total)


def exscan(context: Context, array: Array, total: Array, function: func, combine: Combine) -> None:
    """Fill the total with the arrays of all ranks before this one combined; rank 0's is left alone."""
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


def _goes_by_tree(function: func) -> bool:
    """A custom function is applied in the order of the original, whichever takes fewer rounds."""
    return function.associative and not function.elementwise


def _shift(context: Context, distance: int, total: Array, received: Array) -> bool:
    """Send the total that many ranks up, and receive what comes from below, if there are such ranks."""
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
