"""Plans of collective calls: the arrays of the caller, whatever the schedule and the root."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

import fmi
from fmi.collectives import plans, select
from fmi.collectives.context import Context, Messages
from fmi.collectives.plans import Plan, Reduction
from fmi.collectives.topology import bounds_of
from fmi.protocol.frames import NO_CALL
from tests.fmi.collectives.delivery import run

Array = np.ndarray[Any, Any]
SIZES = range(1, 18)
SMALL, LARGE = 3, select.LARGE_BLOCK_BYTES // 8 + 1


@dataclass
class Cores:
    """All that a plan wants to know of a channel."""

    oversubscribed: bool = False


def contexts(size: int, oversubscribed: bool = False) -> list[Context]:
    channel = cast("Messages", Cores(oversubscribed))
    return [Context(channel, NO_CALL, rank, size) for rank in range(size)]


def carry_out(planned: Sequence[Plan], seed: int = 0) -> None:
    """Carry out the plans of all ranks."""
    for plan in planned:
        plan.begin()
    run([plan.schedule for plan in planned], [plan.memory for plan in planned], limit=seed % 3, seed=seed)
    for plan in planned:
        plan.finish()


def operands(size: int, count: int) -> list[Array]:
    return [np.random.default_rng(rank).integers(1, 9, count) for rank in range(size)]


def _add(left: Array, right: Array, out: Array) -> None:
    out[...] = left + right


def _thirds(left: Array, right: Array, out: Array) -> None:
    out[...] = (3 * left + right) % 1009


def fold(arrays: Sequence[Array], of: Reduction) -> Array:
    def step(left: Array, right: Array) -> Array:
        out = np.empty_like(left)
        of.combine(left, right, out)
        return out

    return functools.reduce(step, arrays)


# A plan knows of a function only what may be done with it.
REDUCTIONS = [
    Reduction(fmi.SUM, _add),
    Reduction(fmi.func(fmi.op.custom, max), _add),
    Reduction(fmi.func(fmi.op.custom, max, commutative=False), _add),
    Reduction(fmi.func(fmi.op.custom, max, associative=False), _thirds),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("of", REDUCTIONS, ids=["sum", "custom", "ordered", "strict"])
@pytest.mark.parametrize("count", [0, SMALL, LARGE])
def test_reductions(size: int, of: Reduction, count: int) -> None:
    if count == LARGE and size > 5:
        size = 6  # larger worlds differ in nothing but their time
    arrays = operands(size, count)
    before = [array.copy() for array in arrays]
    everything = fold(before, of)
    for root in range(size) if count < LARGE else (0, size - 1):
        total = np.full(count, -1)
        targets = [total if rank == root else None for rank in range(size)]
        made = [
            plans.reduce(context, array, target, root, of)
            for context, array, target in zip(contexts(size), arrays, targets, strict=True)
        ]
        carry_out(made, root)
        np.testing.assert_array_equal(total, everything)
    for oversubscribed in (False, True):
        totals = [np.full(count, -1) for _ in arrays]
        made = [
            plans.allreduce(context, array, total, of)
            for context, array, total in zip(contexts(size, oversubscribed), arrays, totals, strict=True)
        ]
        carry_out(made)
        for each in totals:
            np.testing.assert_array_equal(each, everything)
    np.testing.assert_array_equal(arrays, before)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("of", REDUCTIONS, ids=["sum", "custom", "ordered", "strict"])
@pytest.mark.parametrize("in_place", [False, True])
def test_scans(size: int, of: Reduction, in_place: bool) -> None:
    arrays, before = operands(size, SMALL), operands(size, SMALL)
    totals = arrays if in_place else [np.full(SMALL, -1) for _ in arrays]
    zipped = list(zip(contexts(size), arrays, totals, strict=True))
    carry_out([plans.scan(*each, of) for each in zipped])
    for rank in range(size):
        np.testing.assert_array_equal(totals[rank], fold(before[: rank + 1], of))
    for array, mine in zip(arrays, before, strict=True):
        array[...] = mine
    carry_out([plans.exscan(*each, of) for each in zipped])
    for rank in range(1, size):
        np.testing.assert_array_equal(totals[rank], fold(before[:rank], of))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("of", REDUCTIONS, ids=["sum", "custom", "ordered", "strict"])
def test_reduce_scatter_with_blocks_of_any_size(size: int, of: Reduction) -> None:
    for scale in (1, LARGE if size < 6 else 5):
        counts = [scale * (rank % 3) for rank in range(size)]
        bounds = list(itertools.pairwise(bounds_of(counts)))
        arrays = operands(size, sum(counts))
        results = [np.full(each, -1) for each in counts]
        made = [
            plans.reduce_scatter(context, array, result, bounds, of)
            for context, array, result in zip(contexts(size), arrays, results, strict=True)
        ]
        carry_out(made)
        expected = fold(arrays, of)
        for rank in range(size):
            np.testing.assert_array_equal(results[rank], expected[slice(*bounds[rank])])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("block", [0, SMALL, LARGE])
def test_blocks_from_and_to_every_root(size: int, block: int) -> None:
    arrays = operands(size, block)
    for root in range(size):
        whole = np.full(size * block, -1)
        wholes = [whole if rank == root else None for rank in range(size)]
        zipped = list(zip(contexts(size), arrays, wholes, strict=True))
        carry_out([plans.gather(*each, root) for each in zipped], root)
        np.testing.assert_array_equal(whole, np.concatenate(arrays))
        back = [np.full(block, -1) for _ in range(size)]
        made = [
            plans.scatter(context, each, into, root)
            for (context, _, each), into in zip(zipped, back, strict=True)
        ]
        carry_out(made, root)
        np.testing.assert_array_equal(back, arrays)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("block", [0, SMALL, LARGE])
def test_blocks_to_all(size: int, block: int) -> None:
    block = min(block, LARGE if size < 6 else SMALL)
    arrays, wholes = operands(size, block), [np.full(size * block, -1) for _ in range(size)]
    carry_out([plans.allgather(*each) for each in zip(contexts(size), arrays, wholes, strict=True)])
    for whole in wholes:
        np.testing.assert_array_equal(whole, np.concatenate(arrays))
    outgoing = operands(size, size * block)
    carry_out([plans.alltoall(*each) for each in zip(contexts(size), outgoing, wholes, strict=True)])
    for rank in range(size):
        mine = [each[rank * block : (rank + 1) * block] for each in outgoing]
        np.testing.assert_array_equal(wholes[rank], np.concatenate(mine))


def test_a_plan_can_be_carried_out_again_with_other_data() -> None:
    arrays, totals = operands(5, SMALL), [np.full(SMALL, -1) for _ in range(5)]
    zipped = list(zip(contexts(5), arrays, totals, strict=True))
    makes: list[Callable[..., Plan]] = [plans.allreduce, plans.scan]
    for make in makes:
        made = [make(*each, REDUCTIONS[0]) for each in zipped]
        for factor in (1, 2, 3):
            for array, mine in zip(arrays, operands(5, SMALL), strict=True):
                array[...] = factor * mine
            carry_out(made)
            np.testing.assert_array_equal(totals[4], factor * np.sum(operands(5, SMALL), 0))
