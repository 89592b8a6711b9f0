"""Every operation, type and form, world sizes 1 to 8, every root, against plain Python."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi._datatypes import Value
from fmi.collectives.select import LARGE_REDUCTION_BYTES
from tests.fmi.support.worlds import World

INT = fmi.types(fmi.datatypes.int)
DOUBLE = fmi.types(fmi.datatypes.double)
SIZES = [1, 2, 3, 4, 5, 8]
BUILTINS: dict[fmi.op, Callable[[Any, Any], Any]] = {
    fmi.op.sum: operator.add,
    fmi.op.prod: operator.mul,
    fmi.op.max: max,
    fmi.op.min: min,
}


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


def doubles(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.double_list, n)


@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize(
    ("kind", "value"),
    [(INT, -(2**63)), (DOUBLE, 0.1), (ints(3), [1, 2, 3]), (doubles(2), [0.5, -1e308])],
    ids=["int", "double", "int_list", "double_list"],
)
def test_send_and_receive_around_the_world(
    kept_worlds: dict[int, World], size: int, kind: fmi.types, value: object
) -> None:
    def body(comm: fmi.Communicator) -> Value:
        comm.send(value, (comm.rank + 1) % size, kind)
        return comm.recv((comm.rank - 1) % size, kind)

    assert kept_worlds[size].run(body) == [value] * size


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_lists_tuples_and_arrays_can_be_sent(kept_worlds: dict[int, World], form: Callable[..., Any]) -> None:
    def body(comm: fmi.Communicator) -> Value:
        return comm.send(form([1, 2]), 1, ints(2)) if comm.rank == 0 else comm.recv(0, ints(2))

    received = kept_worlds[2].run(body)[1]
    assert isinstance(received, np.ndarray) == (form is np.array)
    assert list(received) == [1, 2]


@pytest.mark.parametrize("size", SIZES)
def test_bcast_from_every_root(kept_worlds: dict[int, World], size: int) -> None:
    for root in range(size):

        def body(comm: fmi.Communicator, root: int = root) -> Value:
            mine = comm.rank == root
            return comm.bcast([root, 7] if mine else None, root, ints(2)), comm.bcast(
                float(root) if mine else None, root, DOUBLE
            )

        assert kept_worlds[size].run(body) == [([root, 7], float(root))] * size


@pytest.mark.parametrize("size", SIZES)
def test_gather_is_flat_and_in_rank_order_on_every_root(kept_worlds: dict[int, World], size: int) -> None:
    for root in range(size):

        def body(comm: fmi.Communicator, root: int = root) -> Value:
            return comm.gather([comm.rank, -comm.rank], root, ints(2)), comm.gather(comm.rank, root, DOUBLE)

        results = kept_worlds[size].run(body)
        assert results[root] == ([v for r in range(size) for v in (r, -r)], [float(r) for r in range(size)])
        assert all(results[rank] == (None, None) for rank in range(size) if rank != root)


@pytest.mark.parametrize("size", SIZES)
def test_scatter_deals_out_equal_shares_from_every_root(kept_worlds: dict[int, World], size: int) -> None:
    for root in range(size):

        def body(comm: fmi.Communicator, root: int = root) -> Value:
            whole = list(range(2 * size)) if comm.rank == root else None
            return comm.scatter(whole, root, ints(2 * size))

        assert kept_worlds[size].run(body) == [[2 * r, 2 * r + 1] for r in range(size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("operation", list(BUILTINS), ids=lambda o: o.name)
def test_reductions(kept_worlds: dict[int, World], size: int, operation: fmi.op) -> None:
    function = fmi.func(operation)
    oracle = BUILTINS[operation]
    values = [[rank + 2, 3 - rank] for rank in range(size)]
    prefixes = [
        [functools.reduce(oracle, column[: rank + 1]) for column in zip(*values, strict=True)]
        for rank in range(size)
    ]

    def body(comm: fmi.Communicator) -> Value:
        mine = values[comm.rank]
        return (
            comm.allreduce(mine, function, ints(2)),
            comm.scan([float(v) for v in mine], function, doubles(2)),
            [comm.reduce(mine[0], root, function, INT) for root in range(size)],
        )

    for rank, (everywhere, prefix, on_root) in enumerate(kept_worlds[size].run(body)):
        assert everywhere == prefixes[-1]
        assert prefix == prefixes[rank]
        assert on_root == [prefixes[-1][0] if root == rank else None for root in range(size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("commutative", "associative"), [(False, True), (True, False), (False, False)])
def test_a_function_that_is_not_both_goes_strictly_from_rank_0_on(
    kept_worlds: dict[int, World], size: int, commutative: bool, associative: bool
) -> None:
    """As in the original: 3·a + b is neither, whatever it is said to be."""
    function = fmi.func(fmi.op.custom, lambda a, b: 3 * a + b, commutative, associative)
    values = [[rank + 1, rank] for rank in range(size)]
    prefixes = [
        [functools.reduce(lambda a, b: 3 * a + b, column[: rank + 1]) for column in zip(*values, strict=True)]
        for rank in range(size)
    ]

    def body(comm: fmi.Communicator) -> Value:
        mine = values[comm.rank]
        reduced = [comm.reduce(mine, root, function, ints(2)) for root in range(size)]
        return comm.allreduce(mine, function, ints(2)), comm.scan(mine, function, ints(2)), reduced[comm.rank]

    for rank, results in enumerate(kept_worlds[size].run(body)):
        assert results == (prefixes[-1], prefixes[rank], prefixes[-1])


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_a_function_on_lists_is_applied_element_by_element(
    kept_worlds: dict[int, World], form: Callable[[list[int]], Value]
) -> None:
    """The larger of two lists is another list than the list of the larger elements."""
    larger = fmi.func(fmi.op.custom, lambda a, b: a if a > b else b)
    values = [[1, 9], [2, 3]]
    kind = ints(2)

    def body(comm: fmi.Communicator) -> Value:
        mine = form(values[comm.rank])
        return [
            list(comm.allreduce(mine, larger, kind)),
            list(comm.scan(mine, larger, kind)),
            list(comm.reduce(mine, 1, larger, kind)) if comm.rank else comm.reduce(mine, 1, larger, kind),
        ]

    assert kept_worlds[2].run(body) == [[[2, 9], [1, 9], None], [[2, 9], [2, 9], [2, 9]]]


def test_the_example_of_the_original(kept_worlds: dict[int, World]) -> None:
    left_to_right = fmi.func(fmi.op.custom, lambda a, b: 3 * a + b, False, False)
    assert kept_worlds[3].run(lambda comm: comm.allreduce(comm.rank, left_to_right, INT)) == [5, 5, 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("nbytes", [LARGE_REDUCTION_BYTES - 8, LARGE_REDUCTION_BYTES, 1_000_008])
def test_large_allreduce_has_the_same_bits_everywhere(
    kept_worlds: dict[int, World], size: int, nbytes: int
) -> None:
    n = nbytes // 8
    data = [np.random.default_rng(rank).normal(size=n) for rank in range(size)]
    before = [array.copy() for array in data]
    results = kept_worlds[size].run(
        lambda comm: comm.allreduce(data[comm.rank], fmi.func(fmi.op.sum), doubles(n))
    )
    np.testing.assert_allclose(results[0], sum(before), atol=1e-12)
    assert len({result.tobytes() for result in results}) == 1
    assert all(np.array_equal(a, b) for a, b in zip(data, before, strict=True)), "the input was changed"


def test_arrays_keep_their_shape_and_come_out_as_arrays(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Value:
        picture = np.arange(6.0).reshape(2, 3)[:, ::-1]  # not contiguous
        total = comm.allreduce(picture, fmi.func(fmi.op.sum), doubles(6))
        shared = comm.bcast(picture if comm.rank == 1 else None, 1, doubles(6))
        return total, shared, comm.gather(np.array([comm.rank]), 0, ints(1))

    results = kept_worlds[3].run(body)
    for total, shared, _ in results:
        assert total.tolist() == [[6.0, 3.0, 0.0], [15.0, 12.0, 9.0]]
        assert isinstance(shared, np.ndarray)
        assert shared.ravel().tolist() == [2, 1, 0, 5, 4, 3]
    assert results[0][2].tolist() == [0, 1, 2]


def test_custom_functions_see_numbers_of_the_types_kind(kept_worlds: dict[int, World]) -> None:
    seen: set[type] = set()

    def note(a: Value, b: Value) -> Value:
        seen.update((type(a), type(b)))
        return a

    function = fmi.func(fmi.op.custom, note)

    def body(comm: fmi.Communicator) -> None:
        comm.allreduce(1, function, INT)
        comm.allreduce([1, 2], function, doubles(2))
        comm.allreduce(np.array([1, 2]), function, ints(2))

    kept_worlds[2].run(body)
    assert seen == {int, float}


def test_integer_sums_wrap_around_at_64_bits(kept_worlds: dict[int, World]) -> None:
    total = kept_worlds[2].run(lambda comm: comm.allreduce(2**62, fmi.func(fmi.op.sum), INT))
    assert total == [-(2**63)] * 2


def test_stats_count_operations_and_bytes(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> dict[str, Any]:
        comm.hint(fmi.hints.cheap)
        comm.barrier()
        comm.allreduce(1.0, fmi.func(fmi.op.sum), DOUBLE)
        comm.allreduce(1.0, fmi.func(fmi.op.sum), DOUBLE)
        return comm.stats()

    for stats in world(2).run(body):
        assert stats["setup_seconds"] > 0
        assert stats["operations"]["barrier"]["calls"] == 1
        assert stats["operations"]["allreduce"]["calls"] == 2
        assert stats["operations"]["allreduce"]["bytes"] == 2 * 2 * (32 + 8)
        assert stats["bytes_sent"] == stats["bytes_received"] == 32 + 2 * 40


numbers = st.integers(-(2**31), 2**31)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), size=st.sampled_from(SIZES), n=st.integers(1, 40))
def test_any_sequence_of_operations_agrees_with_plain_python(
    kept_worlds: dict[int, World], data: st.DataObject, size: int, n: int
) -> None:
    values = [data.draw(st.lists(numbers, min_size=n, max_size=n)) for _ in range(size)]
    root = data.draw(st.integers(0, size - 1))
    order = data.draw(
        st.permutations(["bcast", "gather", "scatter", "reduce", "allreduce", "scan", "barrier"])
    )
    operation = data.draw(st.sampled_from(list(BUILTINS)))
    oracle = BUILTINS[operation]
    if operation is fmi.op.prod:
        values = [[v % 5 for v in row] for row in values]
    columns = list(zip(*values, strict=True))
    flat = [v for row in values for v in row]
    total = [functools.reduce(oracle, column) for column in columns]

    def body(comm: fmi.Communicator) -> dict[str, Any]:
        function, mine, at_root = fmi.func(operation), values[comm.rank], comm.rank == root
        calls: dict[str, Callable[[], Any]] = {
            "bcast": lambda: comm.bcast(mine if at_root else None, root, ints(n)),
            "gather": lambda: comm.gather(mine, root, ints(n)),
            "scatter": lambda: comm.scatter(flat if at_root else None, root, ints(n * size)),
            "reduce": lambda: comm.reduce(mine, root, function, ints(n)),
            "allreduce": lambda: comm.allreduce(mine, function, ints(n)),
            "scan": lambda: comm.scan(mine, function, ints(n)),
            "barrier": comm.barrier,
        }
        return {name: calls[name]() for name in order}

    for rank, results in enumerate(kept_worlds[size].run(body)):
        assert results == {
            "bcast": values[root],
            "gather": flat if rank == root else None,
            "scatter": values[rank],
            "reduce": total if rank == root else None,
            "allreduce": total,
            "scan": [functools.reduce(oracle, column[: rank + 1]) for column in columns],
            "barrier": None,
        }


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4))
def test_sums_of_doubles_are_close_to_exact_and_alike(
    kept_worlds: dict[int, World], rows: list[float]
) -> None:
    results = kept_worlds[4].run(lambda comm: comm.allreduce(rows[comm.rank], fmi.func(fmi.op.sum), DOUBLE))
    assert len(set(results)) == 1
    assert math.isclose(results[0], math.fsum(rows), rel_tol=1e-12, abs_tol=1e-9)
