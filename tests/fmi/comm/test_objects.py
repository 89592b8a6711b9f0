"""Python objects without a type: what they are on the wire, and every operation over them."""

from __future__ import annotations

import enum
import itertools
import pickle
import time
import tracemalloc
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.protocol.objects import LONG_LIST, LONG_TEXT, decode, encode
from tests.fmi.support.array_kinds import DTYPES, HAVE_TORCH, numbers, tensor
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


@given(
    st.sampled_from([st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.complex_numbers()]),
    st.data(),
)
@settings(max_examples=30, deadline=None)
def test_long_lists_of_numbers_come_out_as_they_went_in(
    numbers: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    some = data.draw(st.lists(numbers, min_size=1, max_size=4))
    obj = some * LONG_LIST
    for again in (decode(encode(obj)), list(decode(encode(tuple(obj)))), decode(encode({"x": obj}))["x"]):
        assert repr(again) == repr(obj)  # NaNs are not equal, and zeros have signs


@given(st.lists(scalars, max_size=4), st.sampled_from([list, tuple]), st.sampled_from([list, tuple]))
@settings(max_examples=100, deadline=None)
def test_long_tables_come_out_as_they_went_in(row: list[Any], inner: type, outer: type) -> None:
    tables: list[Any] = [
        outer([inner(row)] * LONG_LIST),
        outer([inner(row), inner([*row, 1])] * LONG_LIST),
        outer([inner([inner(row), inner(row)])] * LONG_LIST),
        outer([inner([n, float(n), (n, n)]) for n in range(LONG_LIST)]),
        outer([inner([2**70, n]) for n in range(LONG_LIST)]),
        {n: inner(row) for n in range(LONG_LIST)},
        {(n, str(n)): float(n) for n in range(LONG_LIST)},
        ["é\ud800" * LONG_TEXT, [str(n) * LONG_TEXT for n in range(3)]],
    ]
    for table in tables:
        assert same(decode(encode(table)), table)


@pytest.mark.parametrize("kind", ["floats", "integers", "tuples"])
def test_lists_of_numbers_cost_little_more_than_their_pickle(kind: str) -> None:
    values = np.random.default_rng(0).random((3, 50_000))
    lists: dict[str, list[Any]] = {
        "floats": values.ravel().tolist(),
        "integers": list(range(150_000)),
        "tuples": list(zip(*values.tolist(), strict=True)),
    }
    obj = lists[kind]

    def seconds(way: Callable[[Any], Any]) -> float:
        started = time.thread_time()
        assert way(obj) == obj
        return time.thread_time() - started

    ours = min(seconds(lambda each: decode(encode(each))) for _ in range(5))
    pickles = min(seconds(lambda each: pickle.loads(pickle.dumps(each))) for _ in range(5))  # noqa: S301
    print(f"{1e3 * ours:.1f} ms, pickle {1e3 * pickles:.1f} ms")
    assert ours < 4 * pickles


@pytest.mark.parametrize(
    "obj", [np.ones(32 << 17), bytes(32 << 20), bytearray(32 << 20)], ids=["array", "bytes", "bytearray"]
)
def test_a_large_object_is_copied_once_on_its_way(obj: Any) -> None:  # noqa: ANN401
    nbytes = 32 << 20
    assert peak(lambda: encode(obj)) < 1.1 * nbytes
    encoded = encode(obj)
    assert peak(lambda: decode(encoded)) < 1.1 * nbytes


@pytest.mark.parametrize(("operation", "receivers"), [("gather", 1), ("scatter", 1), ("allgather", 3)])
def test_collectives_copy_a_large_object_once(
    kept_worlds: dict[int, World], operation: str, receivers: int
) -> None:
    """There is the object, what is sent of it, and what each receiver gets; rank 2 gets its own again."""
    nbytes = 16 << 20

    def body(comm: fmi.Communicator) -> object:
        mine = np.ones(nbytes // 8) if comm.rank == 2 else None
        if operation == "scatter":
            return comm.scatter([mine, None, None], 2)
        return comm.gather(mine, 0) if operation == "gather" else comm.allgather(mine)

    kept_worlds[3].run(lambda comm: comm.barrier())
    assert peak(lambda: kept_worlds[3].run(body)) < (2 + receivers + 0.5) * nbytes


def peak(action: Callable[[], object]) -> int:
    """Bytes that were allocated at once, beyond what was before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def kept_bytes(array: Any) -> int:  # noqa: ANN401
    """How much memory an array keeps alive."""
    owner = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return memoryview(owner.obj if isinstance(owner, memoryview) else owner).nbytes


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_small_part_does_not_keep_the_message(kept_worlds: dict[int, World], size: int) -> None:
    def record(rank: int) -> dict[str, Any]:
        return {"image": np.ones(1 << 18), "center": np.full(3, float(rank)), "parts": [np.ones(1 << 17)] * 3}

    def body(comm: fmi.Communicator) -> list[Any]:
        mine = record(comm.rank)
        following, preceding = (comm.rank + 1) % size, (comm.rank - 1) % size
        request = comm.irecv(preceding)
        comm.isend(mine, following).wait()
        return [
            request.wait(),
            comm.sendrecv(mine, following, preceding),
            comm.bcast(mine, 0),
            comm.scatter([mine] * size, 0),
            *comm.allgather(mine),
            *comm.alltoall([mine] * size),
            *(comm.gather(mine, 0) or ()),
            *comm.allgather(mine["center"]),
            *comm.allgather(np.ones(1 << 18)),
        ]

    for received in kept_worlds[size].run(body):
        for each in received:
            arrays = (
                [each] if isinstance(each, np.ndarray) else [each["image"], each["center"], *each["parts"]]
            )
            for array in arrays:
                assert kept_bytes(array) <= 2 * array.nbytes + 1024


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
    "array of text": (np.array(["a"]), TypeError, "<U1"),
    "loop": (LOOP, ValueError, "contains itself"),
    "huge integer": (10**5000, ValueError, "digits"),
}
if HAVE_TORCH:
    REFUSED["tensor"] = (tensor(np.zeros(2)), TypeError, "torch.Tensor")


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
