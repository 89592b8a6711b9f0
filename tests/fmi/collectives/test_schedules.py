"""Every schedule in all worlds of 1 to 17 ranks, in one thread, against NumPy; and that none can deadlock."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fmi.collectives import allgather, allreduce, barrier, bcast, gather, reduce, scan
from fmi.collectives.context import Memory
from fmi.collectives.schedule import Act, Schedule, Step
from fmi.collectives.topology import bounds_of, even_bounds, span
from tests.fmi.collectives.delivery import run, words

SIZES = range(1, 18)
# How many messages the network holds between two ranks: none, one, or as many as come.
LIMITS = (0, 1, 99)
SEGMENT = 3
Array = np.ndarray[Any, Any]
Builder = Callable[..., list[Step]]


def counts(size: int) -> list[int]:
    """Nothing, one element, fewer than ranks, one more than ranks, several segments, and blocks."""
    return [0, 1, size - 1, size + 1, 2 * SEGMENT * size + 1]


def concatenate(left: Array, right: Array, out: Array) -> None:
    out[...] = left + right


def thirds(left: Array, right: Array, out: Array) -> None:
    """Neither associative nor commutative."""
    out[...] = 3 * left + right


def schedules(build: Builder, size: int, *arguments: object) -> list[Schedule]:
    """Those of all ranks."""
    return [Schedule(build(rank, size, *arguments)) for rank in range(size)]


def cases(size: int) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Every root with every count, each under another limit of the network and in another order."""
    for number, (root, count) in enumerate(itertools.product(range(size), counts(size))):
        yield root, count, {"limit": LIMITS[number % len(LIMITS)], "seed": number}


def orders(size: int) -> Iterator[tuple[int, dict[str, int]]]:
    """Every count under every limit of the network, in an order of its own."""
    for number, (count, limit) in enumerate(itertools.product(counts(size), LIMITS)):
        yield count, {"limit": limit, "seed": number}


def assert_equal(found: Array, expected: Array) -> None:
    np.testing.assert_array_equal(found, expected)


BCASTS: dict[str, Builder] = {
    "tree": bcast.tree,
    "chain": functools.partial(bcast.chain, segment=SEGMENT),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", BCASTS)
def test_bcast(name: str, size: int) -> None:
    for root, count, order in cases(size):
        arrays = words(size, count)
        expected = arrays[root].copy()
        steps = schedules(BCASTS[name], size, count, root)
        run(steps, [Memory(array) for array in arrays], **order)
        for array in arrays:
            assert_equal(array, expected)


REDUCES: dict[str, Builder] = {
    "tree": reduce.tree,
    "chain": functools.partial(reduce.chain, segment=SEGMENT),
    "in_rank_order": reduce.in_rank_order,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", REDUCES)
@pytest.mark.parametrize("in_place", [False, True])
def test_reduce(name: str, size: int, in_place: bool) -> None:
    """The result begins at the root, or at rank 0; what is not the result stays as it was."""
    for root, count, order in cases(size):
        arrays, before = words(size, count), words(size, count)
        first = 0 if name == "in_rank_order" else root
        expected = functools.reduce(np.add, before[first:] + before[:first])
        total = arrays[root] if in_place else np.full(count, None)
        memories = [
            Memory(total if rank == root else None, arrays[rank], combine=concatenate) for rank in range(size)
        ]
        steps = schedules(REDUCES[name], size, count, root)
        if size == 1 and not in_place:
            continue  # nothing is written: see `test_plans`
        run(steps, memories, **order)
        assert_equal(total, expected)
        for rank in range(size):
            if rank != root or not in_place:
                assert_equal(arrays[rank], before[rank])


def gathered(size: int, block: int, root: int) -> tuple[list[Array], Array]:
    """Each rank's buffer with its own block in front, and what the root's holds in the end."""
    arrays = words(size, block)
    held = [np.full(span((rank - root) % size, size) * block, None) for rank in range(size)]
    for rank in range(size):
        held[rank][:block] = arrays[rank]
    return held, np.concatenate(arrays[root:] + arrays[:root])


@pytest.mark.parametrize("size", SIZES)
def test_gather_and_scatter_along_the_tree(size: int) -> None:
    for root, block, order in cases(size):
        held, everything = gathered(size, block, root)
        run(
            schedules(gather.tree, size, block, root),
            [*map(Memory, held)],
            **order,
        )
        assert_equal(held[root], everything)
        for rank in range(size):
            if rank != root:
                held[rank][...] = None
        run(
            schedules(gather.scatter_tree, size, block, root),
            [*map(Memory, held)],
            **order,
        )
        for rank, own in enumerate(words(size, block)):
            assert_equal(held[rank][:block], own)


@pytest.mark.parametrize("size", SIZES)
def test_gather_and_scatter_straight_with_blocks_of_any_size(size: int) -> None:
    for root, seed, order in cases(size):
        sizes = np.random.default_rng(seed).integers(0, 4, size).tolist()
        bounds = list(itertools.pairwise(bounds_of(sizes)))
        parts = [words(size, each)[rank] for rank, each in enumerate(sizes)]
        held = [part.copy() for part in parts]
        held[root] = np.full(sum(sizes), None)
        held[root][slice(*bounds[root])] = parts[root]
        run(
            schedules(gather.star, size, root, bounds),
            [*map(Memory, held)],
            **order,
        )
        assert_equal(held[root], np.concatenate(parts))
        back = [held[rank] if rank == root else np.full(sizes[rank], None) for rank in range(size)]
        run(
            schedules(gather.scatter_star, size, root, bounds),
            [*map(Memory, back)],
            **order,
        )
        for rank in range(size):
            assert rank == root or back[rank].tolist() == parts[rank].tolist()


@pytest.mark.parametrize("size", SIZES)
def test_allgather(size: int) -> None:
    for block, order in orders(size):
        arrays = words(size, block)
        held = [np.concatenate([array, np.full((size - 1) * block, None)]) for array in arrays]
        run(
            schedules(allgather.bruck, size, block),
            [*map(Memory, held)],
            **order,
        )
        for rank in range(size):
            assert_equal(held[rank], np.concatenate(arrays[rank:] + arrays[:rank]))


@pytest.mark.parametrize("size", SIZES)
def test_allgather_around_the_ring_with_blocks_of_any_size(size: int) -> None:
    for seed, order in orders(size):
        sizes = np.random.default_rng(seed).integers(0, 4, size).tolist()
        bounds = list(itertools.pairwise(bounds_of(sizes)))
        parts = [words(size, each)[rank] for rank, each in enumerate(sizes)]
        held = [np.full(sum(sizes), None) for _ in range(size)]
        for rank in range(size):
            held[rank][slice(*bounds[rank])] = parts[rank]
        run(
            schedules(allgather.ring, size, bounds),
            [*map(Memory, held)],
            **order,
        )
        for array in held:
            assert_equal(array, np.concatenate(parts))


@pytest.mark.parametrize("size", SIZES)
def test_alltoall(size: int) -> None:
    for count, order in orders(size):
        block = min(count, SEGMENT)
        outgoing = words(size, size * block)
        incoming = [np.full(size * block, None) for _ in range(size)]
        memories = [
            Memory(into, out, operand_at=into.size) for into, out in zip(incoming, outgoing, strict=True)
        ]
        run(schedules(allgather.pairwise, size, block), memories, **order)
        for rank in range(size):
            for other in range(size):
                if other != rank:
                    place = slice(other * block, (other + 1) * block)
                    own = slice(rank * block, (rank + 1) * block)
                    assert_equal(incoming[rank][place], outgoing[other][own])


def uniform(array: Array) -> list[list[str]]:
    """What was combined, in any order."""
    return [sorted(word.split()) for word in array]


ALLREDUCES: dict[str, Builder] = {
    "doubling": allreduce.doubling,
    "star": functools.partial(allreduce.through_rank_0, star_ranks=17),
    "through a tree": functools.partial(allreduce.through_rank_0, star_ranks=1),
    "ring": functools.partial(allreduce.ring, segment=SEGMENT),
    "halving": functools.partial(allreduce.halving, segment=SEGMENT),
}
ALLREDUCE_CASES = [
    (name, size) for name in ALLREDUCES for size in SIZES[1:] if name != "halving" or not size & (size - 1)
]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("name", "size"), ALLREDUCE_CASES)
def test_allreduce(name: str, size: int, in_place: bool) -> None:
    """In rank order but for the ring, and with the same bits everywhere."""
    for count, order in orders(size):
        arrays, before = words(size, count), words(size, count)
        totals = arrays if in_place else [np.full(count, None) for _ in arrays]
        memories = [Memory(*each, combine=concatenate) for each in zip(totals, arrays, strict=True)]
        run(schedules(ALLREDUCES[name], size, count), memories, **order)
        expected = functools.reduce(np.add, before)
        for rank in range(size):
            assert_equal(totals[rank], totals[0])
            assert in_place or arrays[rank].tolist() == before[rank].tolist()
        if name == "ring":
            assert uniform(totals[0]) == uniform(expected)
        else:
            assert_equal(totals[0], expected)


@pytest.mark.parametrize("size", SIZES[1:])
def test_reduce_scatter_around_the_ring_with_blocks_of_any_size(size: int) -> None:
    for seed, order in orders(size):
        sizes = np.random.default_rng(seed).integers(0, 2 * SEGMENT, size).tolist()
        bounds = list(itertools.pairwise(bounds_of(sizes)))
        arrays, expected = words(size, sum(sizes)), functools.reduce(np.add, words(size, sum(sizes)))
        totals = [np.full(sum(sizes), None) for _ in arrays]
        memories = [Memory(*each, combine=concatenate) for each in zip(totals, arrays, strict=True)]
        steps = schedules(allreduce.ring_reduce, size, bounds, SEGMENT)
        run(steps, memories, **order)
        for rank in range(size):
            own = slice(*bounds[rank])
            assert uniform(totals[rank][own]) == uniform(expected[own])


SCANS: dict[str, Builder] = {
    "shifts": scan.shifts,
    "tree": scan.tree,
    "along": scan.along,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCANS)
def test_scan(name: str, size: int) -> None:
    for count, order in orders(size):
        arrays, before = words(size, count), words(size, count)
        memories = [Memory(array, array, combine=concatenate) for array in arrays]
        run(schedules(SCANS[name], size, count), memories, **order)
        for rank in range(size):
            assert_equal(arrays[rank], functools.reduce(np.add, before[: rank + 1]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("build", [scan.exclusive_shifts, scan.exclusive_along])
def test_exscan(build: Builder, size: int) -> None:
    for count, order in orders(size):
        before = words(size, count)
        held = [np.concatenate([np.full(count, None), array, np.full(count, None)]) for array in before]
        memories = [Memory(each, combine=concatenate) for each in held]
        run(schedules(build, size, count), memories, **order)
        for rank in range(1, size):
            assert_equal(held[rank][:count], functools.reduce(np.add, before[:rank]))


@pytest.mark.parametrize("size", SIZES)
def test_barrier(size: int) -> None:
    """Nobody leaves before everybody has entered: every rank hears of every other one."""
    for _, order in orders(size):
        memories = [Memory(np.empty(0)) for _ in range(size)]
        run(schedules(barrier.dissemination, size), memories, **order)
    heard = [{rank} for rank in range(size)]
    for distance in (1 << k for k in range((size - 1).bit_length())):
        heard = [heard[rank] | heard[rank - distance] for rank in range(size)]
    assert all(len(each) == size for each in heard)


@pytest.mark.parametrize("size", SIZES)
def test_a_fold_goes_strictly_from_the_first_block_on(size: int) -> None:
    blocks = np.arange(2 * size)
    run([Schedule(reduce.fold(size, 2))], [Memory(blocks, combine=thirds)])
    expected = functools.reduce(lambda left, right: 3 * left + right, np.arange(2 * size).reshape(size, 2))
    assert_equal(blocks[-2:], expected)


def test_a_step_that_writes_what_is_being_sent_flushes_before() -> None:
    steps = [
        Step(Act.SEND, 1, 0, 4),
        Step(Act.TAKE, 2, 4, 8),
        Step(Act.TAKE, 1, 3, 4),
        Step(Act.TAKE, 3, 0, 1),
    ]
    assert [move.flush for move in Schedule(steps).moves(apart=False)] == [False, False, True, False]
    assert not any(move.flush for move in Schedule(steps).moves(apart=True))


def test_a_deadlock_is_found() -> None:
    """Two ranks send what they then fill: each waits for its message to leave before it takes the other's."""
    steps = [[Step(Act.SEND, peer, 0, 1), Step(Act.TAKE, peer, 0, 1)] for peer in (1, 0)]
    with pytest.raises(AssertionError, match="deadlock"):
        run([*map(Schedule, steps)], [Memory(np.zeros(1)), Memory(np.ones(1))], limit=0)


def test_messages_are_announced_as_soon_as_their_buffer_is_idle() -> None:
    steps = gather.star(0, 4, 0, [(0, 1), (1, 2), (2, 3), (3, 4)])
    first, *others = Schedule(steps).moves(apart=False)
    assert [move.step.peer for move in first.ahead] == [2, 3]
    assert not any(move.ahead for move in others)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_read_is_either_all_fresh_or_all_written(size: int) -> None:
    """Else `Move.fresh` would not say where it is."""
    for build in (*ALLREDUCES.values(), *REDUCES.values(), *SCANS.values()):
        if build is ALLREDUCES["halving"] and size & (size - 1):
            continue
        for rank in range(size):
            steps = build(rank, size, 100, *([0] if build in REDUCES.values() else []))
            written: set[int] = set()
            for act, _, lo, hi in steps:
                assert written.isdisjoint(range(lo, hi)) or written.issuperset(range(lo, hi))
                if act is not Act.SEND:
                    written.update(range(lo, hi))


def test_blocks_are_as_even_as_possible() -> None:
    assert even_bounds(10, 4) == [0, 2, 5, 7, 10]
