"""Every operation over every channel, world sizes 1 to 8, every root, against plain Python."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fmi
import tests.fmi.support.folder_channel  # noqa: F401 - registers the channel named Folder
from fmi._datatypes import Array, Value
from tests.fmi.support.services import CHANNELS, STORAGE, Services
from tests.fmi.support.worlds import World

# Where every message costs several requests to an emulator in Python.
SOME_ROOTS = (0, 3)

INT = fmi.types(fmi.datatypes.int)
SUM = fmi.func(fmi.op.sum)


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


def compose(f: Array, g: Array) -> Array:
    """Affine maps, which do not commute."""
    return np.array([f[0] * g[0] % 997, (f[1] * g[0] + g[1]) % 997])


ORDERED = fmi.func(fmi.op.custom, compose, commutative=False)


def in_order(call: Callable[..., None], mine: list[int]) -> Value:
    """What an upper-case reduction that keeps rank order fills in."""
    total = np.zeros(2, np.int64)
    call(np.array(mine), total, ORDERED)
    return total.tolist()


@pytest.fixture(
    scope="module", params=list(itertools.product(CHANNELS, range(1, 9))), ids=lambda p: f"{p[0]}-{p[1]}"
)
def everyone(services: Services, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world over each channel, of each size."""
    channel, size = request.param
    before = set(services.keys(channel)) if channel in STORAGE else set()
    with World(size, services.config(channel)) as world:
        yield world
    if channel in STORAGE:
        assert set(services.keys(channel)) <= before


def test_every_operation_from_every_root(everyone: World) -> None:
    size = everyone.size
    roots = range(size) if size <= 4 or "S3" not in everyone.config["backends"] else SOME_ROOTS
    values = [[rank + 2, 3 - rank] for rank in range(size)]
    flat = [v for row in values for v in row]
    prefixes = [[sum(column[: rank + 1]) for column in zip(*values, strict=True)] for rank in range(size)]
    composed = [functools.reduce(compose, map(np.array, values[: rank + 1])).tolist() for rank in range(size)]

    def body(comm: fmi.Communicator) -> dict[str, Value]:
        mine = values[comm.rank]
        results: dict[str, Value] = {}
        comm.barrier()
        for root in roots:
            at_root = comm.rank == root
            results[f"bcast {root}"] = comm.bcast(mine if at_root else None, root, ints(2))
            results[f"gather {root}"] = comm.gather(mine, root, ints(2))
            results[f"scatter {root}"] = comm.scatter(flat if at_root else None, root, ints(2 * size))
            results[f"reduce {root}"] = comm.reduce(mine, root, SUM, ints(2))
        results["allreduce"] = comm.allreduce(mine, SUM, ints(2))
        results["scan"] = comm.scan(mine, SUM, ints(2))
        results["ordered allreduce"] = in_order(comm.Allreduce, mine)
        results["ordered scan"] = in_order(comm.Scan, mine)
        if size > 1:
            comm.send(comm.rank, (comm.rank + 1) % size, INT)
            results["ring"] = comm.recv((comm.rank - 1) % size, INT)
        return results

    for rank, results in enumerate(everyone.run(body)):
        expected: dict[str, Any] = {}
        for root in roots:
            expected[f"bcast {root}"] = values[root]
            expected[f"gather {root}"] = flat if rank == root else None
            expected[f"scatter {root}"] = values[rank]
            expected[f"reduce {root}"] = prefixes[-1] if rank == root else None
        expected |= {"allreduce": prefixes[-1], "scan": prefixes[rank]}
        expected |= {"ordered allreduce": composed[-1], "ordered scan": composed[rank]}
        if size > 1:
            expected["ring"] = (rank - 1) % size
        assert results == expected


def test_large_arrays(everyone: World) -> None:
    """Large enough for the algorithms that move the fewest bytes."""
    n = 40_000
    data = [np.random.default_rng(rank).normal(size=n) for rank in range(everyone.size)]
    kind = fmi.types(fmi.datatypes.double_list, n)

    def body(comm: fmi.Communicator) -> tuple[Value, Value]:
        return comm.allreduce(data[comm.rank], SUM, kind), comm.bcast(
            data[comm.rank], comm.world_size - 1, kind
        )

    results = everyone.run(body)
    assert len({total.tobytes() for total, _ in results}) == 1
    np.testing.assert_allclose(results[0][0], sum(data), atol=1e-12)
    assert all(np.array_equal(copy, data[-1]) for _, copy in results)


@pytest.mark.parametrize("channel", STORAGE)
def test_messages_longer_than_a_piece_arrive_in_pieces(
    channel_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    monkeypatch.setattr(fmi.Store, "piece_bytes", 1000)
    monkeypatch.setattr("fmi.channels.storage.s3_store.S3Store.piece_bytes", 1000)
    monkeypatch.setattr(fmi.Store, "batch_bytes", 2500)

    def body(comm: fmi.Communicator) -> Value:
        lengths = [1, 120, 125, 126, 1000, 1250]
        if comm.rank == 0:
            for n in lengths:
                comm.send(np.arange(n), 1, ints(n))
            return None
        return [int(comm.recv(0, ints(n)).sum()) - n * (n - 1) // 2 for n in lengths]

    assert channel_world(2, channel).run(body)[1] == [0] * 6


@pytest.mark.parametrize("channel", STORAGE)
def test_names_that_look_alike_are_worlds_of_their_own(services: Services, channel: str) -> None:
    def body(comm: fmi.Communicator) -> Value:
        return comm.allreduce(len(comm.name), SUM, INT)

    with (
        World(2, services.config(channel), "a/b") as one,
        World(2, services.config(channel), "a-b-c") as other,
    ):
        assert one.run(body) == [6, 6]
        assert other.run(body) == [10, 10]
