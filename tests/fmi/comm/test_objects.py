"""Python objects without a type: what they are on the wire, and every operation over them."""

from __future__ import annotations

import enum
import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.protocol.objects import decode, encode
from tests.fmi.support.array_kinds import DTYPES, numbers
from tests.fmi.support.worlds import World

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
)
keys = st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.text(max_size=2), st.integers())
objects = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.binary().map(bytearray)
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:  # noqa: ANN401
    """Equal, of equal types, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray | np.generic):
        return bool(left.dtype == right.dtype and left.shape == right.shape and np.array_equal(left, right))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return bool(left == right)


@given(objects)
@settings(max_examples=150, deadline=None)
def test_objects_come_out_as_they_went_in(obj: object) -> None:
    assert same(decode(encode(obj)), obj)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_and_scalars_come_out_as_they_went_in(dtype: str) -> None:
    array = numbers(1, (3, 4), dtype)
    obj = {"plain": array, "gaps": array[:, ::2], "turned": array.T, "none": array[:0], "one": array[1, 1]}
    again = decode(encode(obj))
    assert same(again, {**obj, "gaps": array[:, ::2].copy()})
    again["plain"][...] = 0


def test_nan_and_infinity_come_out_as_they_went_in() -> None:
    nan, infinity = decode(encode([float("nan"), -float("inf")]))
    assert nan != nan  # noqa: PLR0124 - that is what it is
    assert infinity == -float("inf")


class Color(enum.IntEnum):
    RED = 1


Point = namedtuple("Point", "x y")
LOOP: list[Any] = []
LOOP.append(LOOP)
REFUSED: dict[str, tuple[object, type[Exception], str]] = {
    "object": (object(), TypeError, "builtins.object"),
    "set": ({1, 2}, TypeError, "builtins.set"),
    "function": (len, TypeError, "builtin_function_or_method"),
    "class": (World, TypeError, "builtins.type"),
    "somewhere inside": ({"a": [1, (2, {3})]}, TypeError, "builtins.set"),
    "a key": ({frozenset(): 1}, TypeError, "builtins.frozenset"),
    "enum": (Color.RED, TypeError, "Color"),
    "named tuple": (Point(1, 2), TypeError, "Point"),
    "ordered": (OrderedDict(), TypeError, "collections.OrderedDict"),
    "tensor": (torch.zeros(2), TypeError, "torch.Tensor"),
    "array of text": (np.array(["a"]), TypeError, "<U1"),
    "loop": (LOOP, ValueError, "contains itself"),
    "huge integer": (10**5000, ValueError, "digits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_objects_are_refused_by_name_and_break_nothing(
    kept_worlds: dict[int, World], name: str
) -> None:
    obj, kind, words = REFUSED[name]
    calls: list[Callable[[fmi.Communicator], object]] = [
        lambda comm: comm.send(obj, 1 - comm.rank),
        lambda comm: comm.isend(obj, 1 - comm.rank),
        lambda comm: comm.bcast(obj, comm.rank),
        lambda comm: comm.gather(obj),
        lambda comm: comm.alltoall([obj, obj]),
        lambda comm: comm.allreduce(obj, fmi.SUM),
    ]
    for call in calls:
        for error in kept_worlds[2].errors(call):
            assert isinstance(error, kind)
            assert words in str(error)
    assert kept_worlds[2].run(lambda comm: comm.allreduce(1, fmi.SUM)) == [2, 2]


WRONG: dict[str, tuple[Callable[[fmi.Communicator], object], type[Exception], str]] = {
    "to itself": (lambda comm: comm.send(1, comm.rank), ValueError, "itself"),
    "from itself": (lambda comm: comm.recv(comm.rank), ValueError, "itself"),
    "to nobody": (lambda comm: comm.isend(1, 2), ValueError, "from 0 to 1"),
    "no rank": (lambda comm: comm.irecv("0"), TypeError, "'0'"),  # type: ignore[arg-type]
    "no root": (lambda comm: comm.bcast(1, 2), ValueError, "root"),
    "too few": (lambda comm: comm.scatter([1], comm.rank), ValueError, "1 objects for 2 ranks"),
    "no list": (lambda comm: comm.alltoall("ab"), TypeError, "str"),
    "no function": (lambda comm: comm.scan(1, max), TypeError, "fmi.SUM"),  # type: ignore[arg-type]
    "no color": (lambda comm: comm.split("red"), TypeError, "color"),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_refused_and_break_nothing(kept_worlds: dict[int, World], name: str) -> None:
    call, kind, words = WRONG[name]
    for error in kept_worlds[2].errors(call):
        assert isinstance(error, kind)
        assert words in str(error)
    assert kept_worlds[2].run(lambda comm: comm.allreduce(1, fmi.SUM)) == [2, 2]


def thing(rank: int) -> Any:  # noqa: ANN401
    """Something else on every rank, of another length and type."""
    return [None, {"rank": rank, "data": np.arange(rank * 1000)}, [b"x" * rank] * rank, (rank, "é")][rank % 4]


@pytest.mark.parametrize("size", range(1, 9))
def test_every_operation(kept_worlds: dict[int, World], size: int) -> None:
    def body(comm: fmi.Communicator) -> None:
        rank, mine, everyone = comm.rank, thing(comm.rank), [thing(rank) for rank in range(size)]
        for root in range(size):
            at_root = rank == root
            assert same(comm.bcast(mine if at_root else "ignored", root), everyone[root])
            assert same(comm.gather(mine, root), everyone if at_root else None)
            assert same(comm.scatter(everyone if at_root else None, root), mine)
            assert comm.reduce([rank], root, fmi.SUM) == (list(range(size)) if at_root else None)
        assert same(comm.allgather(mine), everyone)
        assert same(
            comm.alltoall([(rank, each) for each in everyone]), [(other, mine) for other in range(size)]
        )
        assert comm.allreduce(str(rank), fmi.op.sum) == "01234567"[:size]
        assert comm.scan(str(rank), fmi.op.sum) == "01234567"[: rank + 1]
        assert same(comm.sendrecv(mine, (rank + 1) % size, (rank - 1) % size), everyone[(rank - 1) % size])
        requests = [comm.irecv(other) for other in range(size)]
        requests += [comm.isend(mine, other) for other in range(size)]
        assert same(fmi.waitall(requests), everyone + [None] * size)
        if size > 1 and rank == 0:
            comm.send(mine, size - 1)
        elif size > 1 and rank == size - 1:
            assert same(comm.recv(0), everyone[0])

    kept_worlds[size].run(body)


FUNCTIONS: dict[str, tuple[fmi.func, list[Any], Callable[[Any, Any], Any]]] = {
    "sum of big integers": (fmi.SUM, [2**70, 3**50, -1], lambda a, b: a + b),
    "product": (fmi.PROD, [2, 0.5, 1j], lambda a, b: a * b),
    "largest text": (fmi.MAX, ["b", "c", "a"], max),
    "smallest": (fmi.MIN, [3, 1, 2], min),
    "largest of arrays": (fmi.MAX, [np.array([1, 9]), np.array([5, 5]), np.array([7, 1])], np.maximum),
    "and": (fmi.LAND, [1, [2], 3.0], lambda a, b: bool(a) and bool(b)),
    "or": (fmi.LOR, [0, [], ""], lambda a, b: bool(a) or bool(b)),
    "exclusive or": (fmi.LXOR, [1, 1, 1], lambda a, b: bool(a) != bool(b)),
    "bits": (fmi.BXOR, [12, 10, 7], lambda a, b: a ^ b),
    "common bits": (fmi.BAND, [12, 10, 14], lambda a, b: a & b),
    "any bits": (fmi.BOR, [12, 10, 7], lambda a, b: a | b),
    "custom, in order": (
        fmi.func(fmi.op.custom, lambda a, b: [*a, len(a), *b], False, False),
        [["x"], ["y"], ["z"]],
        lambda a, b: [*a, len(a), *b],
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_combine_objects_in_rank_order(kept_worlds: dict[int, World], name: str) -> None:
    function, values, oracle = FUNCTIONS[name]
    prefixes = list(itertools.accumulate(values, oracle))

    def body(comm: fmi.Communicator) -> None:
        mine = values[comm.rank]
        assert same(comm.allreduce(mine, function), prefixes[-1])
        assert same(comm.scan(mine, function), prefixes[comm.rank])
        assert same(comm.reduce(mine, 1, function), prefixes[-1] if comm.rank == 1 else None)

    kept_worlds[3].run(body)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), size=st.sampled_from([2, 3, 5, 8]))
def test_any_objects_in_any_order_of_operations(
    kept_worlds: dict[int, World], data: st.DataObject, size: int
) -> None:
    things = data.draw(st.lists(objects, min_size=size, max_size=size))
    root = data.draw(st.integers(0, size - 1))
    order = data.draw(st.permutations(["bcast", "gather", "scatter", "allgather", "scan", "ring"]))

    def body(comm: fmi.Communicator) -> None:
        mine, at_root = things[comm.rank], comm.rank == root
        following, preceding = (comm.rank + 1) % size, (comm.rank - 1) % size
        lists = fmi.func(fmi.op.custom, lambda a, b: a + b)
        calls: dict[str, tuple[Callable[[], Any], Any]] = {
            "bcast": (lambda: comm.bcast(mine, root), things[root]),
            "gather": (lambda: comm.gather(mine, root), things if at_root else None),
            "scatter": (lambda: comm.scatter(things if at_root else None, root), mine),
            "allgather": (lambda: comm.allgather(mine), things),
            "scan": (lambda: comm.scan([mine], lists), things[: comm.rank + 1]),
            "ring": (lambda: comm.sendrecv(mine, following, preceding), things[preceding]),
        }
        for name in order:
            call, expected = calls[name]
            assert same(call(), expected), name

    kept_worlds[size].run(body)


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_no_rank_combines_more_objects_than_its_branches(kept_worlds: dict[int, World], size: int) -> None:
    """The work of a reduction is shared: where rank 0 did all of it, it would combine size - 1 times."""

    def body(comm: fmi.Communicator) -> int:
        times: list[str] = []

        def join(left: str, right: str) -> str:
            times.append(right)
            return left + right

        whole = comm.reduce(str(comm.rank), size - 1, fmi.func(fmi.op.custom, join, commutative=False))
        assert whole == ("01234567"[:size] if comm.rank == size - 1 else None)
        return len(times)

    times = kept_worlds[size].run(body)
    assert sum(times) == size - 1
    assert max(times) <= (size - 1).bit_length()


def test_a_function_that_fails_is_told_to_every_rank(world: Callable[..., World]) -> None:
    errors = world(3).errors(lambda comm: comm.allreduce([1, "one", None][comm.rank], fmi.SUM))
    assert isinstance(errors[0], TypeError)
    for error in errors[1:]:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 0
        assert "TypeError" in error.reason
