"""Plans: collective calls with their schedule and their arrays, to be carried out once or again and again.

A plan reads the arrays that it was made for when it begins, and has filled them when it is finished. Blocks
lie in rank order in the caller's arrays; where a schedule needs them in another order, they are copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmi._datatypes import Array
from fmi._ops import Combine, func
from fmi.collectives import select
from fmi.collectives.context import Context, Memory, run_schedule
from fmi.collectives.schedule import Schedule
from fmi.collectives.select import Amount, Place, Rules
from fmi.collectives.topology import span


def nothing() -> None:
    """What there is to do where an array is where it belongs."""


@dataclass(slots=True)
class Plan:
    """One collective call on one rank.

    Attributes:
        schedule: what is done.
        memory: the arrays it is done with.
        begin: copies what the caller passes to where the schedule expects it.
        finish: copies the result to where the caller expects it.
    """

    schedule: Schedule
    memory: Memory
    begin: Callable[[], None] = nothing
    finish: Callable[[], None] = nothing

    @property
    def peers(self) -> tuple[int, ...]:
        """The ranks that this one talks to."""
        return self.schedule.peers

    def run(self, context: Context) -> None:
        """Carry it out."""
        self.begin()
        run_schedule(context, self.schedule, self.memory)
        self.finish()


Bounds = Sequence[tuple[int, int]]


def barrier(context: Context) -> Plan:
    """Wait until every rank is here."""
    schedule = select.barrier_schedule(_place(context), context.channel.oversubscribed)
    return Plan(schedule, Memory(np.empty(0, np.uint8), combine=lambda *_: None))


def bcast(context: Context, array: Array, root: int) -> Plan:
    """Fill every rank's array with the root's."""
    return Plan(select.bcast_schedule(_place(context), _amount(array), root), Memory(array))


# Blocks to one rank and from it


def gather(context: Context, array: Array, whole: Array | None, root: int) -> Plan:
    """Fill the root's `whole` (None elsewhere) with every rank's array, in rank order."""
    place, amount = _place(context), _amount(array)
    schedule = select.gather_schedule(place, amount, root)
    if select.is_large_block(amount.nbytes):
        return _gather_straight(schedule, array, whole, context.rank * array.size)
    if whole is None and len(schedule.steps) == 1:
        return Plan(schedule, Memory(None, array))
    held = whole
    if held is None or root:
        held = np.empty(span((context.rank - root) % context.size, context.size) * array.size, array.dtype)

    def finish() -> None:
        if whole is not None and whole is not held:
            _rotate(held, whole, root * array.size)

    return Plan(schedule, Memory(held), lambda: _copy(array, held[: array.size]), finish)


def gatherv(context: Context, array: Array, whole: Array | None, bounds: Bounds | None, root: int) -> Plan:
    """Fill the root's `whole`, where `bounds` says, with the ranks' arrays; both are None elsewhere."""
    known = tuple(bounds or [(0, array.size)] * context.size)
    schedule = select.gatherv_schedule(_place(context), root, known)
    return _gather_straight(schedule, array, whole, known[context.rank][0])


def _gather_straight(schedule: Schedule, array: Array, whole: Array | None, start: int) -> Plan:
    if whole is None:
        return Plan(schedule, Memory(None, array))
    own = whole[start : start + array.size]
    return Plan(schedule, Memory(whole), lambda: _copy(array, own))


def scatter(context: Context, whole: Array | None, block: Array, root: int) -> Plan:
    """Fill every rank's block with its part of the root's array (None elsewhere)."""
    place, amount = _place(context), _amount(block)
    schedule = select.scatter_schedule(place, amount, root)
    if select.is_large_block(amount.nbytes):
        return _scatter_straight(schedule, whole, block, context.rank * block.size)
    if whole is not None:
        return _scatter_from_root(schedule, whole, block, (context.size - root) * block.size)
    if len(schedule.steps) == 1:
        return Plan(schedule, Memory(block))
    held = np.empty(span((context.rank - root) % context.size, context.size) * block.size, block.dtype)
    return Plan(schedule, Memory(held), finish=lambda: _copy(held[: block.size], block))


def _scatter_from_root(schedule: Schedule, whole: Array, block: Array, start: int) -> Plan:
    """With the root's block moved to the front, from which on the schedule counts."""
    held = np.empty_like(whole) if start < whole.size else whole

    def begin() -> None:
        if held is not whole:
            _rotate(whole, held, start)

    return Plan(schedule, Memory(None, held), begin, lambda: _copy(held[: block.size], block))


def scatterv(context: Context, whole: Array | None, block: Array, bounds: Bounds | None, root: int) -> Plan:
    """Fill every rank's block with its one of the root's `whole`, where `bounds` says; None elsewhere."""
    known = tuple(bounds or [(0, block.size)] * context.size)
    schedule = select.scatterv_schedule(_place(context), root, known)
    return _scatter_straight(schedule, whole, block, known[context.rank][0])


def _scatter_straight(schedule: Schedule, whole: Array | None, block: Array, start: int) -> Plan:
    if whole is None:
        return Plan(schedule, Memory(block))
    own = whole[start : start + block.size]
    return Plan(schedule, Memory(None, whole), lambda: _copy(own, block))


# Blocks to all ranks


def allgather(context: Context, array: Array, whole: Array) -> Plan:
    """Fill every rank's `whole` with all ranks' arrays, in rank order."""
    amount = _amount(array)
    schedule = select.allgather_schedule(_place(context), amount)
    start = context.rank * array.size
    if select.is_large_block(amount.nbytes):
        return _allgather_around(schedule, array, whole, start)
    held = np.empty_like(whole)
    return Plan(
        schedule,
        Memory(held),
        lambda: _copy(array, held[: array.size]),
        lambda: _rotate(held, whole, start),
    )


def allgatherv(context: Context, array: Array, whole: Array, bounds: Bounds) -> Plan:
    """Fill every rank's `whole` with all ranks' arrays, where `bounds` says."""
    schedule = select.allgatherv_schedule(_place(context), tuple(bounds))
    return _allgather_around(schedule, array, whole, bounds[context.rank][0])


def _allgather_around(schedule: Schedule, array: Array, whole: Array, start: int) -> Plan:
    own = whole[start : start + array.size]
    return Plan(schedule, Memory(whole), lambda: _copy(array, own))


def alltoall(context: Context, outgoing: Array, incoming: Array) -> Plan:
    """Send block j of `outgoing` to rank j, and fill block i of `incoming` with what rank i sends."""
    amount = Amount(incoming.size // context.size, incoming.itemsize)
    own = slice(context.rank * amount.elements, (context.rank + 1) * amount.elements)
    return Plan(
        select.alltoall_schedule(_place(context), amount),
        Memory(incoming, outgoing, operand_at=incoming.size),
        lambda: _copy(outgoing[own], incoming[own]),
    )


# Reductions


@dataclass(slots=True)
class Reduction:
    """What is reduced with: a function, and its step over flat arrays."""

    function: func
    combine: Combine

    @property
    def rules(self) -> Rules:
        """What may be done with the function."""
        return Rules.of(self.function)


def reduce(context: Context, array: Array, total: Array | None, root: int, reduction: Reduction) -> Plan:
    """Fill the root's total (None elsewhere) with every rank's array combined.

    In rank order unless the function is commutative. The array and the total may be the same.
    """
    place, amount, rules = _place(context), _amount(array), reduction.rules
    schedule = select.reduce_schedule(place, amount, root, rules)
    if not rules.associative:
        return _strict(place, schedule, root, (array, total), reduction)
    return _reduction(schedule, array, total, reduction)


def allreduce(context: Context, array: Array, total: Array, reduction: Reduction) -> Plan:
    """Fill every rank's total with all ranks' arrays combined; the result has the same bits everywhere.

    The array and the total may be the same.
    """
    place, amount, rules = _place(context), _amount(array), reduction.rules
    schedule = select.allreduce_schedule(place, amount, rules, context.channel.oversubscribed)
    if not rules.associative:
        return _strict(place, schedule, 0, (array, total), reduction)
    return _reduction(schedule, array, total, reduction)


def reduce_scatter(
    context: Context, array: Array, result: Array, bounds: Bounds, reduction: Reduction
) -> Plan:
    """Fill every rank's result with its block of all ranks' arrays combined; `bounds` says where it lies."""
    amount, rules = _amount(array), reduction.rules
    total = np.empty_like(array)
    if select.is_large_reduce_scatter(context.size, amount, rules):
        schedule = select.ring_reduce_schedule(_place(context), tuple(bounds), amount.segment)
        plan = Plan(schedule, Memory(total, array, combine=reduction.combine))
    else:
        plan = allreduce(context, array, total, reduction)
    lo, hi = bounds[context.rank]
    complete = plan.finish

    def finish() -> None:
        complete()
        _copy(total[lo:hi], result)

    plan.finish = finish
    return plan


def scan(context: Context, array: Array, total: Array, reduction: Reduction) -> Plan:
    """Fill the total with the arrays of rank 0 to this rank combined, in rank order; it may be the array."""
    schedule = select.scan_schedule(_place(context), _amount(array), reduction.rules)
    return _reduction(schedule, array, total, reduction)


def exscan(context: Context, array: Array, total: Array, reduction: Reduction) -> Plan:
    """Fill the total with the combined arrays of all ranks before this one; rank 0's stays as it is."""
    schedule = select.exscan_schedule(_place(context), _amount(array), reduction.rules)
    count = array.size
    held = np.empty(3 * count, array.dtype)
    return Plan(
        schedule,
        Memory(held, combine=reduction.combine),
        lambda: _copy(array, held[count : 2 * count]),
        (lambda: _copy(held[:count], total)) if context.rank else nothing,
    )


def _reduction(schedule: Schedule, array: Array, total: Array | None, reduction: Reduction) -> Plan:
    memory = Memory(total, array, combine=reduction.combine)
    if schedule.writes or total is None or total is array:
        return Plan(schedule, memory)
    return Plan(schedule, memory, lambda: _copy(array, total))  # nobody's is combined with this rank's


def _strict(
    place: Place, schedule: Schedule, root: int, arrays: tuple[Array, Array | None], reduction: Reduction
) -> Plan:
    """Gather and fold."""
    array, total = arrays
    count = array.size
    start = select.strict_result(place, _amount(array), root)
    held = np.empty(select.strict_count(place, _amount(array)), array.dtype)

    def finish() -> None:
        if total is not None:
            _copy(held[start : start + count], total)

    return Plan(schedule, Memory(held, combine=reduction.combine), lambda: _copy(array, held[:count]), finish)


# What all need


def _place(context: Context) -> Place:
    return Place(context.rank, context.size)


def _amount(array: Array) -> Amount:
    return Amount(array.size, array.itemsize)


def _copy(source: Array, target: Array) -> None:
    target[...] = source


def _rotate(source: Array, target: Array, start: int) -> None:
    """Fill the target from `start` on with the source; what does not fit goes to its beginning."""
    fitting = target.size - start
    target[start:], target[:start] = source[:fitting], source[fitting:]
