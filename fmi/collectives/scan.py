"""Scans: every rank gets the arrays of the ranks up to it, or before it, combined in rank order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives._context import Stage
from fmi.collectives._topology import powers
from fmi.collectives.schedule import follow, peers_of, scan_steps


def scan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """Whom `scan` talks to."""
    if _goes_by_tree(function):
        return peers_of(scan_steps(rank, size))
    return exscan_peers(rank, size, function)


def exscan_peers(rank: int, size: int, function: func) -> Sequence[int]:
    """Whom `exscan` talks to."""
    distances = powers(size) if function.associative else (1,)
    return [other for d in distances for other in (rank - d, rank + d) if 0 <= other < size]


def scan(stage: Stage, total: Array, function: func, combine: Combine) -> None:
    """Replace the array by those of rank 0 to this rank combined, in rank order."""
    received = np.empty_like(total)
    if not function.associative:
        _pass_along(stage, total, received, combine)
        return
    if _goes_by_tree(function):
        follow(stage, scan_steps(stage.rank, stage.size), total, combine)
        return
    for distance in powers(stage.size):
        if _shift(stage, distance, total, received):
            combine(received, total, total)


def exscan(stage: Stage, array: Array, total: Array, function: func, combine: Combine) -> None:
    """Fill the total with the arrays of all ranks before this one combined; rank 0's is left alone."""
    through, received = array.copy(), np.empty_like(array)
    if not function.associative:
        _pass_along(stage, through, received, combine)
        if stage.rank > 0:
            total[...] = received
        return
    filled = False
    for distance in powers(stage.size):
        if not _shift(stage, distance, through, received):
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


def _shift(stage: Stage, distance: int, total: Array, received: Array) -> bool:
    """Send the total that many ranks up, and receive what comes from below, if there are such ranks."""
    if stage.rank + distance < stage.size:
        stage.send(stage.rank + distance, total)
    if stage.rank >= distance:
        stage.receive(stage.rank - distance, received)
    stage.flush()
    return stage.rank >= distance


def _pass_along(stage: Stage, total: Array, received: Array, combine: Combine) -> None:
    """From rank to rank: take the result so far, add this rank's, pass it on."""
    if stage.rank > 0:
        stage.receive(stage.rank - 1, received)
        combine(received, total, total)
    if stage.rank + 1 < stage.size:
        stage.send(stage.rank + 1, total)
        stage.flush()
