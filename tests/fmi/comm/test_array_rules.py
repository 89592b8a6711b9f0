"""The upper-case operations beyond the ordinary: sizes, order of combination, custom functions, refusals."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.collectives.select import LARGE_BLOCK_BYTES, LARGE_REDUCTION_BYTES, SEGMENT_BYTES
from tests.fmi.support.array_kinds import HAVE_TORCH, Array, Wrapped, bfloat16_tensor, meta_tensor
from tests.fmi.support.worlds import World

SIZES = [1, 2, 3, 4, 5, 8]
# One block below and above every size at which an algorithm gives way to another.
LIMITS = (LARGE_BLOCK_BYTES, LARGE_REDUCTION_BYTES, SEGMENT_BYTES)
ELEMENTS = sorted({limit // 8 + more for limit in LIMITS for more in (-1, 3)})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [0, *ELEMENTS])
def test_sizes_around_every_change_of_algorithm(kept_worlds: dict[int, World], n: int, size: int) -> None:
    root = size - 1

    def body(comm: fmi.Communicator) -> None:
        rank = comm.rank
        mine = np.arange(n) + rank
        everyone = np.arange(n) + np.arange(size)[:, None]
        whole = np.zeros((size, n), np.int64)
        comm.Gather(mine, whole, root)
        np.testing.assert_array_equal(whole, everyone if rank == root else 0)
        share = np.zeros(n, np.int64)
        comm.Scatter(whole, share, root)
        np.testing.assert_array_equal(share, mine)
        whole = np.zeros((size, n), np.int64)
        comm.Allgather(mine, whole)
        np.testing.assert_array_equal(whole, everyone)
        comm.Alltoall(everyone * 10 + rank, whole)
        np.testing.assert_array_equal(whole, mine * 10 + np.arange(size)[:, None])
        total = np.zeros(n, np.int64)
        comm.Allreduce(mine, total)
        np.testing.assert_array_equal(total, everyone.sum(0))
        comm.Reduce(mine, total, fmi.MAX, root)
        np.testing.assert_array_equal(total, everyone.max(0) if rank == root else everyone.sum(0))
        comm.Bcast(total, root)
        np.testing.assert_array_equal(total, everyone.max(0))
        comm.Scan(mine, total)
        np.testing.assert_array_equal(total, everyone[: rank + 1].sum(0))
        comm.Reduce_scatter(everyone, share)
        np.testing.assert_array_equal(share, everyone[rank] * size)

    kept_worlds[size].run(body)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [1, SEGMENT_BYTES // 16 + 1])
@pytest.mark.parametrize("associative", [True, False])
def test_functions_that_do_not_commute_keep_rank_order(
    kept_worlds: dict[int, World], size: int, n: int, associative: bool
) -> None:
    """Affine maps x → a·x + b compose associatively but not commutatively; 3·x + y does neither."""

    def compose(f: Array, g: Array) -> Array:
        if not associative:
            return 3 * f + g
        return np.stack([f[0] * g[0], f[1] * g[0] + g[1]])

    function = fmi.func(fmi.op.custom, compose, False, associative)
    maps = [np.array([[rank + 1], [rank + 3]]) * np.ones((2, n), np.int64) for rank in range(size)]
    prefixes = [functools.reduce(compose, maps[: rank + 1]) for rank in range(size)]

    def body(comm: fmi.Communicator) -> None:
        mine, total = maps[comm.rank], np.zeros((2, n), np.int64)
        comm.Allreduce(mine, total, function)
        np.testing.assert_array_equal(total, prefixes[-1])
        for root in range(size):
            comm.Reduce(mine, total, function, root)
            np.testing.assert_array_equal(total, prefixes[-1])
        comm.Scan(mine, total, function)
        np.testing.assert_array_equal(total, prefixes[comm.rank])
        comm.Exscan(mine, total, function)
        if comm.rank:
            np.testing.assert_array_equal(total, prefixes[comm.rank - 1])

    kept_worlds[size].run(body)


def test_a_custom_function_gets_read_only_arrays_of_the_buffers_shape(kept_worlds: dict[int, World]) -> None:
    shapes: set[tuple[int, ...]] = set()

    def note(a: Array, b: Array) -> Array:
        shapes.update((a.shape, b.shape))
        assert not a.flags.writeable
        return a + b

    total = np.zeros((2, 1, 3))
    function = fmi.func(fmi.op.custom, note)
    kept_worlds[3].run(lambda comm: comm.Allreduce(np.ones((2, 1, 3)), total.copy(), function))
    assert shapes == {(2, 1, 3)}


@pytest.mark.parametrize(
    ("result", "kind", "words"),
    [
        (lambda a, _: a[:1], ValueError, "1 elements, not 2"),
        (lambda a, _: a + 0.5, TypeError, "float64"),
        (lambda *_: None, TypeError, "object"),
    ],
)
def test_a_custom_function_with_a_wrong_result_is_told(
    world: Callable[..., World], result: Callable[[Array, Array], Any], kind: type[Exception], words: str
) -> None:
    function = fmi.func(fmi.op.custom, result)
    body = lambda comm: comm.Allreduce(np.ones(2, int), np.zeros(2, int), function)  # noqa: E731
    errors = world(2).errors(body)
    assert any(isinstance(error, kind) and words in str(error) for error in errors)


def test_what_is_sent_may_lie_where_the_result_goes(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        everything = np.zeros((3, 2))
        everything[comm.rank] = comm.rank
        comm.Allgather(everything[comm.rank], everything)
        assert everything.tolist() == [[0, 0], [1, 1], [2, 2]]
        comm.Alltoall(everything, everything)
        assert everything.tolist() == [[comm.rank] * 2] * 3
        comm.Allreduce(everything, everything)
        assert everything.tolist() == [[3, 3]] * 3
        moving = np.arange(4.0) + comm.rank
        comm.Sendrecv(moving[:3], (comm.rank + 1) % 3, moving[1:], (comm.rank - 1) % 3)
        assert moving.tolist() == [comm.rank, *((comm.rank - 1) % 3 + np.arange(3.0))]

    kept_worlds[3].run(body)


def test_bytes_and_read_only_arrays_can_be_sent(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        if comm.rank == 0:
            frozen = np.arange(3)
            frozen.flags.writeable = False
            comm.Send(b"abc", 1)
            comm.Bcast(frozen)
            comm.Send(np.float64(0.5), 1)
        else:
            text, three, one = bytearray(3), np.zeros(3, int), np.zeros(())
            comm.Recv(text, 0)
            comm.Bcast(three)
            comm.Recv(one, 0)
            assert (bytes(text), three.tolist(), float(one)) == (b"abc", [0, 1, 2], 0.5)

    kept_worlds[2].run(body)


def test_arrays_and_the_typed_calls_understand_each_other(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        if comm.rank == 0:
            comm.Send(np.arange(3.0), 1)
            return None
        return comm.recv(0, fmi.types(fmi.datatypes.double_list, 3)).tolist()

    assert kept_worlds[2].run(body)[1] == [0.0, 1.0, 2.0]


class OnGpu:
    """What a CUDA tensor shows of itself."""

    __cuda_array_interface__: dict[str, Any] = {}  # noqa: RUF012


class OnlyACopy:
    """It can be seen as an array, but not written to."""

    def __array__(self) -> Array:
        return np.zeros(2)


def frozen(n: int) -> Array:
    array = np.zeros(n)
    array.flags.writeable = False
    return array


TWO, FOUR = np.zeros(2), np.zeros(4)
REFUSED: dict[str, tuple[Callable[[fmi.Communicator], Any], type[Exception], str]] = {
    "list": (lambda c: c.Send([1, 2], 1 - c.rank), TypeError, "lower-case"),  # type: ignore[arg-type]
    "none": (lambda c: c.Bcast(None, c.rank), TypeError, "NoneType"),  # type: ignore[arg-type]
    "number": (lambda c: c.Send(1, 1 - c.rank), TypeError, "int"),  # type: ignore[arg-type]
    "text": (lambda c: c.Send("ab", 1 - c.rank), TypeError, "str"),  # type: ignore[arg-type]
    "array of text": (lambda c: c.Send(np.array(["a"]), 1 - c.rank), TypeError, "<U1"),
    "array of objects": (lambda c: c.Send(np.array([None]), 1 - c.rank), TypeError, "object"),
    "records": (lambda c: c.Send(np.zeros(2, "i4,f4"), 1 - c.rank), TypeError, "f4"),
    "dates": (lambda c: c.Send(np.zeros(2, "M8[s]"), 1 - c.rank), TypeError, "datetime64"),
    "byte order": (lambda c: c.Send(np.zeros(2, ">f8"), 1 - c.rank), TypeError, "byte order"),
    "masked": (lambda c: c.Send(np.ma.zeros(2), 1 - c.rank), TypeError, "mask"),
    "gpu": (lambda c: c.Send(OnGpu(), 1 - c.rank), TypeError, "cpu()"),  # type: ignore[arg-type]
    "read-only": (lambda c: c.Recv(frozen(2), 1 - c.rank), ValueError, "read-only"),
    "bytes to fill": (lambda c: c.Recv(b"ab", 1 - c.rank), ValueError, "read-only"),
    "copy to fill": (lambda c: c.Recv(OnlyACopy(), 1 - c.rank), TypeError, "filled in place"),
    "scalar to fill": (lambda c: c.Recv(np.float64(1), 1 - c.rank), TypeError, "filled in place"),
    "to itself": (lambda c: c.Send(TWO, c.rank), ValueError, "itself"),
    "from itself": (lambda c: c.Recv(TWO, c.rank), ValueError, "itself"),
    "to nobody": (lambda c: c.Isend(TWO, 2), ValueError, "from 0 to 1"),
    "from nobody": (lambda c: c.Irecv(TWO, -1), ValueError, "from 0 to 1"),
    "no root": (lambda c: c.Bcast(TWO, 2), ValueError, "root"),
    "root of a wrong type": (lambda c: c.Reduce(TWO, FOUR, root=0.5), TypeError, "root"),  # type: ignore[arg-type]
    "types differ": (lambda c: c.Allreduce(TWO, np.zeros(2, int)), TypeError, "int64"),
    "sizes differ": (lambda c: c.Allreduce(TWO, FOUR), ValueError, "4 elements where 2"),
    "gather too small": (lambda c: c.Gather(TWO, TWO.copy(), c.rank), ValueError, "where 4 are needed"),
    "gather without": (lambda c: c.Gather(TWO, None, c.rank), TypeError, "recvbuf"),
    "scatter too small": (lambda c: c.Scatter(TWO, TWO.copy(), c.rank), ValueError, "where 4 are needed"),
    "scatter uneven": (lambda c: c.Scatter(np.zeros(3), fmi.IN_PLACE, c.rank), ValueError, "evenly"),
    "alltoall uneven": (lambda c: c.Alltoall(np.zeros(3), np.zeros(3)), ValueError, "evenly"),
    "in place elsewhere": (lambda c: c.Gather(fmi.IN_PLACE, None, 1 - c.rank), TypeError, "IN_PLACE"),
    "in place received": (lambda c: c.Allreduce(TWO, fmi.IN_PLACE), TypeError, "IN_PLACE"),  # type: ignore[arg-type]
    "counts": (lambda c: c.Allgatherv(TWO, FOUR, [2, 2, 0]), ValueError, "2 ranks"),
    "negative": (lambda c: c.Allgatherv(TWO, FOUR, [-2, 6]), ValueError, "at least 0"),
    "sum of counts": (lambda c: c.Allgatherv(TWO, FOUR, [2, 3]), ValueError, "5 are needed"),
    "own count": (lambda c: c.Allgatherv(TWO, FOUR, [1, 3]), ValueError, "sendbuf has 2"),
    "own count elsewhere": (lambda c: c.Gatherv(TWO, None, [1, 1], 1 - c.rank), ValueError, "sendbuf has 2"),
    "overlap": (lambda c: c.Gatherv(TWO, FOUR, [2, 2], c.rank, [0, 1]), ValueError, "overlap"),
    "outside": (lambda c: c.Gatherv(TWO, FOUR, [2, 2], c.rank, [0, 3]), ValueError, "up to element 5"),
    "share": (lambda c: c.Reduce_scatter(FOUR, np.zeros(3)), ValueError, "recvbuf has 3"),
    "no function": (lambda c: c.Allreduce(TWO, TWO, sum), TypeError, "fmi.SUM"),  # type: ignore[arg-type]
    "bits of floats": (lambda c: c.Allreduce(TWO, TWO, fmi.BXOR), TypeError, "bxor does not work on float64"),
}
if HAVE_TORCH:
    REFUSED["meta tensor"] = (lambda c: c.Send(meta_tensor(), 1 - c.rank), TypeError, "meta")
    REFUSED["bfloat16"] = (lambda c: c.Send(bfloat16_tensor(), 1 - c.rank), TypeError, "BFloat16")


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_calls_are_refused_and_break_nothing(kept_worlds: dict[int, World], name: str) -> None:
    call, kind, words = REFUSED[name]
    for error in kept_worlds[2].errors(call):
        assert isinstance(error, kind)
        assert words in str(error)
    assert kept_worlds[2].run(lambda comm: comm.allreduce(1, fmi.SUM)) == [2, 2]


MISMATCHES: dict[
    str, tuple[Callable[[fmi.Communicator], Any], Callable[[fmi.Communicator], Any], list[str]]
] = {
    "operation": (lambda c: c.Barrier(), lambda c: c.Allreduce(TWO, TWO.copy()), ["barrier", "allreduce"]),
    "type": (
        lambda c: c.Allreduce(TWO, TWO.copy()),
        lambda c: c.Allreduce(np.zeros(2, int), np.zeros(2, int)),
        ["2 x float64", "2 x int64"],
    ),
    "size": (
        lambda c: c.Allreduce(TWO, TWO.copy()),
        lambda c: c.Allreduce(FOUR, FOUR.copy()),
        ["2 x float64", "4 x float64"],
    ),
    "function": (
        lambda c: c.Allreduce(TWO, TWO.copy(), fmi.MIN),
        lambda c: c.Allreduce(TWO, TWO.copy(), fmi.MAX),
        ["function min", "function max"],
    ),
    "message": (lambda c: c.Send(TWO, 1), lambda c: c.Recv(FOUR.copy(), 0), ["2 x float64", "4 x float64"]),
    "share": (
        lambda c: c.Gatherv(TWO, np.zeros(5), [2, 3]),
        lambda c: c.Gatherv(TWO, None),
        ["expects 24 bytes", "sent 16"],
    ),
    "object": (lambda c: c.send([1], 1), lambda c: c.Recv(TWO.copy(), 0), ["send(object)", "2 x float64"]),
    "request": (
        lambda c: c.Isend(TWO, 1).wait(),
        lambda c: c.Irecv(FOUR.copy(), 0).wait(),
        ["2 x float64", "4 x float64"],
    ),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_ranks_that_disagree_both_get_an_error_that_names_both_sides(
    world: Callable[..., World], name: str
) -> None:
    first, second, words = MISMATCHES[name]

    def body(comm: fmi.Communicator) -> None:
        (first if comm.rank == 0 else second)(comm)
        comm.Barrier()  # a rank that only sent learns of it in its next call

    for error in world(2).errors(body):
        assert isinstance(error, fmi.MismatchError)
        assert all(word in str(error) for word in ["rank 0", "rank 1", *words])


dtypes = st.sampled_from(["int8", "uint16", "int64", "float32", "complex128"])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), size=st.sampled_from(SIZES), dtype=dtypes)
def test_any_sequence_of_operations_agrees_with_numpy(
    kept_worlds: dict[int, World], data: st.DataObject, size: int, dtype: str
) -> None:
    counts = data.draw(st.lists(st.integers(0, 20), min_size=size, max_size=size))
    n, root = sum(counts), data.draw(st.integers(0, size - 1))
    names = ["Bcast", "Gatherv", "Scatterv", "Allgatherv", "Allreduce", "Reduce", "Reduce_scatter", "Scan"]
    order = data.draw(st.permutations(names))
    seed = data.draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).integers(0, 100, (size, n)).astype(dtype)
    ends = np.cumsum(counts)
    parts = [
        values[rank, end - count : end] for rank, (end, count) in enumerate(zip(ends, counts, strict=True))
    ]
    flat = np.concatenate(parts)
    sums = np.add.accumulate(values, dtype=dtype)

    def body(comm: fmi.Communicator) -> None:
        rank, at_root = comm.rank, comm.rank == root
        nothing = np.zeros(n, dtype)
        calls: dict[str, Callable[[Array], Array | None]] = {
            "Bcast": lambda a: comm.Bcast(a, root),
            "Gatherv": lambda a: comm.Gatherv(parts[rank], a, counts, root),
            "Scatterv": lambda a: comm.Scatterv(flat, a, counts, root),
            "Allgatherv": lambda a: comm.Allgatherv(parts[rank], a, counts),
            "Allreduce": lambda a: comm.Allreduce(values[rank], a),
            "Reduce": lambda a: comm.Reduce(values[rank], a, root=root),
            "Reduce_scatter": lambda a: comm.Reduce_scatter(values[rank], a, counts),
            "Scan": lambda a: comm.Scan(values[rank], a),
        }
        own = slice(ends[rank] - counts[rank], ends[rank])
        expected = {
            "Bcast": values[root],
            "Gatherv": flat if at_root else nothing,
            "Scatterv": parts[rank],
            "Allgatherv": flat,
            "Allreduce": sums[-1],
            "Reduce": sums[-1] if at_root else nothing,
            "Reduce_scatter": sums[-1][own],
            "Scan": sums[rank],
        }
        for name in order:
            buffer = np.zeros_like(expected[name])
            if name == "Bcast" and at_root:
                buffer[...] = values[root]
            calls[name](buffer)
            np.testing.assert_array_equal(buffer, expected[name], err_msg=name)

    kept_worlds[size].run(body)


def test_the_array_protocol_is_filled_in_place(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> list[float]:
        target = Wrapped(np.zeros(2))
        comm.Allreduce(np.ones(2), target)  # type: ignore[arg-type]
        return list(target.values)

    assert kept_worlds[2].run(body) == [[2.0, 2.0]] * 2
