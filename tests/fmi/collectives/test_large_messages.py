"""Large messages: every algorithm, world size, root and odd count, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi._datatypes import Value
from fmi.collectives.select import SEGMENT_BYTES
from tests.fmi.support.worlds import World

SUM = fmi.func(fmi.op.sum)
SIZES = [1, 2, 3, 4, 5, 6, 7, 8]
SEGMENT = SEGMENT_BYTES // 8
# Around each change of algorithm and each border of a segment, and numbers that nothing divides evenly.
COUNTS = [SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 5, 1_000_003]


def doubles(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.double_list, n)


def integers(rank: int, n: int) -> np.ndarray:
    """Whole numbers as doubles: their sums are exact, in whatever order."""
    return np.random.default_rng(rank).integers(-1000, 1000, n).astype(float)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", COUNTS)
def test_large_arrays(kept_worlds: dict[int, World], size: int, n: int) -> None:
    data = [integers(rank, n) for rank in range(size)]
    total, root = sum(data), n % size

    def body(comm: fmi.Communicator) -> None:
        mine = data[comm.rank]
        assert np.array_equal(comm.allreduce(mine, SUM, doubles(n)), total)
        assert np.array_equal(comm.bcast(mine if comm.rank == root else None, root, doubles(n)), data[root])
        reduced = comm.reduce(mine, root, SUM, doubles(n))
        assert np.array_equal(reduced, total) if comm.rank == root else reduced is None

    kept_worlds[size].run(body)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [(1 << 21) + 1])
def test_sixteen_mebibytes(kept_worlds: dict[int, World], size: int, n: int) -> None:
    data = [np.full(n, float(rank)) for rank in range(size)]

    def body(comm: fmi.Communicator) -> tuple[float, float, float]:
        mine = data[comm.rank]
        total = comm.allreduce(mine, SUM, doubles(n))
        first = comm.bcast(mine if comm.rank == size - 1 else None, size - 1, doubles(n))
        return float(total.min()), float(total.max()), float(first.min())

    everything = float(size * (size - 1) // 2)
    assert kept_worlds[size].run(body) == [(everything, everything, float(size - 1))] * size


@pytest.mark.parametrize("size", [2, 3, 8])
def test_large_gathers_come_straight_to_their_place(kept_worlds: dict[int, World], size: int) -> None:
    n = 3 * SEGMENT + 1

    def body(comm: fmi.Communicator) -> Value:
        return comm.gather(np.full(n, comm.rank), 1, fmi.types(fmi.datatypes.int_list, n))

    results = kept_worlds[size].run(body)
    assert np.array_equal(results[1], np.repeat(np.arange(size), n))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_the_sum_of_doubles_has_the_same_bits_everywhere_and_leaves_its_input_alone(
    kept_worlds: dict[int, World], size: int
) -> None:
    n = 300_007
    data = [np.random.default_rng(rank).normal(size=n) for rank in range(size)]
    before = [array.copy() for array in data]
    results = kept_worlds[size].run(lambda comm: comm.allreduce(data[comm.rank], SUM, doubles(n)))
    assert len({result.tobytes() for result in results}) == 1
    np.testing.assert_allclose(results[0], sum(before), atol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(data, before, strict=True))


@settings(max_examples=30, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    n=st.integers(1, 200_000),
    root=st.integers(0, 7),
    operation=st.sampled_from([fmi.op.sum, fmi.op.max]),
)
def test_any_count(kept_worlds: dict[int, World], size: int, n: int, root: int, operation: fmi.op) -> None:
    root %= size
    data = [integers(rank, n) for rank in range(size)]
    expected = (sum if operation is fmi.op.sum else np.maximum.reduce)(data)
    function = fmi.func(operation)

    def body(comm: fmi.Communicator) -> None:
        mine = data[comm.rank]
        assert np.array_equal(comm.allreduce(mine, function, doubles(n)), expected)
        assert np.array_equal(comm.bcast(mine if comm.rank == root else None, root, doubles(n)), data[root])
        reduced = comm.reduce(mine, root, function, doubles(n))
        assert reduced is None or np.array_equal(reduced, expected)

    kept_worlds[size].run(body)
