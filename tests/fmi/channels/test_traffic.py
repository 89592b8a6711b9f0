"""The messages and bytes that the model counts are those that the operations send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.channels.storage._signing import SIGNATURE_BYTES
from fmi.channels.traffic import traffic
from fmi.collectives.select import SEGMENT_BYTES
from fmi.protocol.frames import HEADER_BYTES, Operation
from tests.fmi.support.worlds import SECRET, World


class Shelf(fmi.Store):
    """Bytes in this process, and a note of every message that was put there."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.sizes: list[int] = []
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes) -> None:
        with self._lock:
            self.held[key] = data
            if key.rpartition("/")[2][0] in "cs" and key.endswith(".0"):
                self.sizes.append(len(data) - SIGNATURE_BYTES - HEADER_BYTES)

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self.held.get(key)

    def delete(self, key: str) -> None:
        with self._lock:
            self.held.pop(key, None)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    """Where the channel named Shelf keeps its messages."""
    shelf = Shelf()
    fmi.register_channel("Shelf", lambda world, settings: fmi.Storage(world, shelf, settings))
    yield shelf


def one_block(n: int, p: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.ones(n, np.uint8), np.empty(n * p, np.uint8)


CALLS: dict[str, Callable[[fmi.Communicator, int], Any]] = {
    "barrier": lambda comm, _: comm.barrier(),
    "bcast": lambda comm, n: comm.Bcast(np.ones(n, np.uint8)),
    "gather": lambda comm, n: comm.Gather(*one_block(n, comm.size)),
    "scatter": lambda comm, n: comm.Scatter(np.ones(n, np.uint8), np.empty(n // comm.size, np.uint8)),
    "reduce": lambda comm, n: comm.Reduce(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "allreduce": lambda comm, n: comm.Allreduce(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "reduce_scatter": lambda comm, n: comm.Reduce_scatter(
        np.ones(n, np.uint8), np.empty(n // comm.size, np.uint8)
    ),
    "scan": lambda comm, n: comm.Scan(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "allgather": lambda comm, n: comm.Allgather(*one_block(n, comm.size)),
    "alltoall": lambda comm, n: comm.Alltoall(np.ones(n, np.uint8), np.empty(n, np.uint8)),
}


@pytest.mark.parametrize("size", [2, 4, 5])
@pytest.mark.parametrize("name", list(CALLS))
def test_the_model_counts_what_is_really_sent(shelf: Shelf, name: str, size: int) -> None:
    config = {"backends": {"Shelf": {}}, "secret": SECRET}
    with World(size, config) as world:
        world.run(lambda comm: CALLS[name](comm, 40))
        for nbytes in (40, 200_000, 9_000_000):
            shelf.sizes.clear()
            world.run(lambda comm, nbytes=nbytes: CALLS[name](comm, nbytes))  # type: ignore[misc]
            expected = traffic(Operation[name.upper()], nbytes, size)
            assert len(shelf.sizes) == expected.messages
            assert sum(shelf.sizes) == (0 if name == "barrier" else expected.total_bytes)


P = range(2, 18)


def rounds_of_a_tree(p: int) -> int:
    return (p - 1).bit_length()


@pytest.mark.parametrize("p", P)
def test_small_calls_take_as_many_rounds_as_their_algorithms(p: int) -> None:
    """What the literature says of each."""
    log, block = rounds_of_a_tree(p), 48
    power = 1 << (p.bit_length() - 1)
    extra = 2 if p > power else 0
    doubling = power.bit_length() - 1
    messages = power * doubling + 2 * (p - power)
    expected = {
        "barrier": (log, 0, p * log, 0),
        "bcast": (log, log * block, p - 1, (p - 1) * block),
        "reduce": (log, log * block, p - 1, (p - 1) * block),
        "allreduce": (doubling + extra, (doubling + extra) * block, messages, messages * block),
        "allgather": (log, (p - 1) * block, p * log, p * (p - 1) * block),
        "gatherv": (p - 1, (p - 1) * block, p - 1, (p - 1) * block),
        "send": (1, block, 1, block),
    }
    for name, figures in expected.items():
        assert traffic(Operation[name.upper()], block, p) == figures, name


@pytest.mark.parametrize("p", P)
def test_large_calls_send_each_byte_as_seldom_as_possible(p: int) -> None:
    """A segment is a message of its own, so a call of many segments has more rounds than one of few."""
    n, segments = p * SEGMENT_BYTES, p
    assert traffic(Operation.BCAST, n, p)[2:] == ((p - 1) * (segments if p > 2 else 1), (p - 1) * n)
    around = traffic(Operation.REDUCE_SCATTER, n, p)
    assert around == (p - 1, n // p * (p - 1), p * (p - 1), (p - 1) * n)
    both = traffic(Operation.ALLREDUCE, n, p)
    assert both.total_bytes == 2 * (p - 1) * n
    assert both.serial_bytes == 2 * n // p * (p - 1)


def test_a_large_world_is_counted_by_one_rank_where_all_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [(operation, 300_000) for operation in Operation if operation is not Operation.NONE]
    counted = [traffic(operation, nbytes, 30) for operation, nbytes in calls]
    monkeypatch.setattr("fmi.channels.traffic.COUNTED_RANKS", 1)
    traffic.cache_clear()
    assert [traffic(operation, nbytes, 30) for operation, nbytes in calls] == counted
    traffic.cache_clear()
