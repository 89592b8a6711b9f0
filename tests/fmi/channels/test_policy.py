"""The model and the choice of a channel: counted traffic, the choice's properties, and real switching."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.channels.base import World as Ranks
from fmi.channels.policy import ChannelPolicy
from fmi.channels.storage._signing import SIGNATURE_BYTES
from fmi.cli.calibrate import with_constants
from fmi.collectives.traffic import traffic
from fmi.protocol.frames import Operation
from tests.fmi.support.folder_channel import Folder
from tests.fmi.support.services import Services
from tests.fmi.support.worlds import PATIENCE_S, SECRET, World

INT = fmi.types(fmi.datatypes.int)
OPERATIONS = [each for each in Operation if each is not Operation.NONE]
HEADER_BYTES = 32


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
    """What the channel named Shelf puts its messages on."""
    shelf = Shelf()
    fmi.register_channel("Shelf", lambda world, settings: fmi.Storage(world, shelf, settings))
    yield shelf


def one_share(n: int, p: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.ones(n, np.uint8), np.empty(n * p, np.uint8)


CALLS: dict[str, Callable[[fmi.Communicator, int], Any]] = {
    "barrier": lambda comm, _: comm.barrier(),
    "bcast": lambda comm, n: comm.Bcast(np.ones(n, np.uint8)),
    "gather": lambda comm, n: comm.Gather(*one_share(n, comm.size)),
    "scatter": lambda comm, n: comm.Scatter(np.ones(n, np.uint8), np.empty(n // comm.size, np.uint8)),
    "reduce": lambda comm, n: comm.Reduce(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "allreduce": lambda comm, n: comm.Allreduce(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "reduce_scatter": lambda comm, n: comm.Reduce_scatter(
        np.ones(n, np.uint8), np.empty(n // comm.size, np.uint8)
    ),
    "scan": lambda comm, n: comm.Scan(np.ones(n, np.uint8), np.empty(n, np.uint8)),
    "allgather": lambda comm, n: comm.Allgather(*one_share(n, comm.size)),
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


prices = st.floats(0, 1, allow_subnormal=False)
channels = st.fixed_dictionaries(
    {"overhead": st.floats(0.001, 100), "bandwidth": st.floats(1, 1000)},
    optional={
        "bandwidth_multiple": st.floats(1, 1000),
        "upload_price": prices,
        "transfer_price": prices,
        "instance_price": prices,
    },
)
models = st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), channels, min_size=1)


@settings(max_examples=200, deadline=None)
@given(
    model=models,
    operation=st.sampled_from(OPERATIONS),
    nbytes=st.none() | st.integers(0, 1 << 30),
    world=st.tuples(st.integers(1, 64), st.integers(128, 10_240)),
    hint=st.sampled_from(list(fmi.hints)),
)
def test_the_choice_is_the_best_and_the_same_on_every_rank(
    model: dict[str, Any],
    operation: Operation,
    nbytes: int | None,
    world: tuple[int, int],
    hint: fmi.hints,
) -> None:
    tables = []
    for _ in range(2):
        policy = ChannelPolicy(model, model, *world)
        policy.hint = hint
        tables.append(policy.explain(operation, nbytes))
    assert tables[0] == tables[1]
    table = tables[0]
    chosen = next(each for each in table.estimates if each.chosen)
    assert [each.channel for each in table.estimates] == list(model)
    assert sum(each.chosen for each in table.estimates) == 1
    if hint is fmi.hints.fast:
        assert chosen.seconds == min(each.seconds for each in table.estimates)
    else:
        assert chosen.dollars == min(each.dollars for each in table.estimates)


def two_channels(services: Services, *names: str) -> dict[str, Any]:
    """A configuration in which the second channel is slow and free, and the first one fast and dear."""
    fast, cheap = names
    model = {
        fast: {"overhead": 0.1, "bandwidth": 1000, "transfer_price": 1000.0},
        cheap: {"overhead": 50, "bandwidth": 10},
    }
    return {**services.config(*names), "model": model}


@pytest.mark.parametrize("names", [("Direct", "Redis"), ("Redis", "S3"), ("Direct", "S3")], ids="-".join)
def test_the_hint_switches_the_channel(services: Services, names: tuple[str, str]) -> None:
    def body(comm: fmi.Communicator) -> tuple[str, str, int, int]:
        data, total = np.full(1000, float(comm.rank)), np.empty(1000)
        comm.Allreduce(data, total)
        assert total[0] == 3
        before = comm.explain("allreduce", data.nbytes).chosen
        comm.barrier()
        comm.hint(fmi.hints.cheap)
        comm.Allreduce(data, total)
        assert total[0] == 3
        used = {name: channel.bytes_sent for name, channel in comm._channel._channels.items()}  # type: ignore[attr-defined]
        comm.send(comm.rank, (comm.rank + 1) % 3)
        assert comm.recv((comm.rank - 1) % 3) == (comm.rank - 1) % 3
        return before, comm.explain("allreduce", data.nbytes).chosen, *used.values()

    with World(3, two_channels(services, *names)) as world:
        for before, after, fast_bytes, cheap_bytes in world.run(body):
            assert (before, after) == names
            assert fast_bytes > 8000
            assert cheap_bytes > 8000


def test_sizes_choose_too_and_requests_go_both_ways(services: Services) -> None:
    config = services.config("Direct", "Redis")
    config["model"] = {
        "Direct": {"overhead": 0.1, "bandwidth": 1},
        "Redis": {"overhead": 50, "bandwidth": 1000},
    }

    def body(comm: fmi.Communicator) -> list[float]:
        other = 1 - comm.rank
        small, large = np.full(10, comm.rank + 1.0), np.full(100_000, comm.rank + 1.0)
        assert comm.explain("send", small.nbytes).chosen == "Direct"
        assert comm.explain("send", large.nbytes).chosen == "Redis"
        assert "Redis" in str(comm.explain("bcast", None))
        requests = [comm.Isend(large, other), comm.Isend(small, other)]
        got_small, got_large = np.empty(10), np.empty(100_000)
        requests += [comm.Irecv(got_large, other), comm.Irecv(got_small, other)]
        fmi.waitall(requests)
        comm.Sendrecv(small, other, got_small, other)
        return [float(got_small[0]), float(got_large[-1])]

    with World(2, config) as world:
        assert world.run(body) == [[2, 2], [1, 1]]


@pytest.mark.parametrize("names", [("Direct", "Redis"), ("Redis", "Direct")], ids="-".join)
def test_ranks_that_disagree_about_the_channel_find_out(services: Services, names: tuple[str, str]) -> None:
    """The model sends the small call over one channel and the large one over the other."""
    config = services.config(*names)
    config["model"] = {
        names[0]: {"overhead": 0.1, "bandwidth": 1},
        names[1]: {"overhead": 50, "bandwidth": 1000},
    }

    def body(comm: fmi.Communicator) -> None:
        n = 10 if comm.rank == 0 else 100_000
        comm.Allreduce(np.ones(n), np.empty(n))
        comm.barrier()

    with World(2, config) as world:
        errors = world.errors(body)
    for error in errors:
        assert isinstance(error, fmi.MismatchError)
        assert "10 x float64" in str(error) or "100000 x float64" in str(error)


def test_a_rank_that_dies_on_one_channel_is_noticed_by_who_waits_on_another(services: Services) -> None:
    config = two_channels(services, "Direct", "S3")

    def body(comm: fmi.Communicator) -> None:
        comm.barrier()  # over Direct
        comm.hint(fmi.hints.cheap)
        if comm.rank == 0:
            raise ValueError("the script is broken")
        comm.barrier()  # over S3

    with World(2, config) as world:
        futures = world.start(body)
        assert isinstance(futures[0].exception(PATIENCE_S), ValueError)
        world.comms[0]._channel._channels["Direct"].close()  # type: ignore[attr-defined]
        error = futures[1].exception(PATIENCE_S)
    assert isinstance(error, fmi.PeerFailure)
    assert error.rank == 0


class Unplugged(Folder):
    """A folder that cannot be written to once it is gone."""

    gone = False

    def put(self, key: str, data: bytes) -> None:
        if self.gone:
            raise OSError("the disk is gone")
        super().put(key, data)


def test_a_rank_whose_own_channel_fails_tells_the_others_on_the_next_one(services: Services) -> None:
    stores: dict[int, Unplugged] = {}

    def open_channel(world: Ranks, settings: Mapping[str, Any]) -> fmi.Channel:
        stores[world.rank] = Unplugged(settings["path"])
        return fmi.Storage(world, stores[world.rank], settings)

    fmi.register_channel("Unplugged", open_channel)
    config = services.config("Direct")
    config["backends"]["Unplugged"] = {"path": str(services.folder / "unplugged")}
    config["model"] = {
        "Direct": {"overhead": 1000, "bandwidth": 1000},
        "Unplugged": {"overhead": 0, "bandwidth": 1},
    }
    large = np.zeros(1 << 22)

    def body(comm: fmi.Communicator) -> None:
        comm.barrier()  # over the folder
        comm.Bcast(large)  # over Direct
        if comm.rank == 0:
            stores[0].gone = True
            comm.Send(np.zeros(1), 1)
        comm.Recv(large.copy(), 0)

    with World(3, config) as world:
        errors = world.errors(body)
        assert isinstance(errors[0], OSError)
        assert str(errors[0]) == "the disk is gone"
        for error in errors[1:]:
            assert isinstance(error, fmi.PeerFailure)
            assert (error.rank, error.reason) == (0, "OSError: the disk is gone in send")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"Shelf": {"bandwidth": 1}}, "overhead"),
        ({"Shelf": {"bandwidth": 0, "overhead": 1}}, "bandwidth"),
        ({"Shelf": {"bandwidth": 1, "overhead": "fast"}}, "fast"),
        ({}, "calibrate"),
    ],
)
def test_a_model_that_lacks_something_is_named(
    shelf: Shelf,  # noqa: ARG001 - registers the channel
    services: Services,
    model: dict[str, Any],
    words: str,
) -> None:
    config = services.config("Direct")
    config["backends"]["Shelf"] = {}
    with pytest.raises(fmi.ConfigError, match=words):
        fmi.Communicator(0, 2, {**config, "model": model}, "model")


def test_explain_refuses_what_it_cannot_explain() -> None:
    with fmi.Communicator(0, 1, {}) as comm:
        with pytest.raises(ValueError, match="allreduce"):
            comm.explain("everything", 1)
        with pytest.raises(ValueError, match="negative"):
            comm.explain("bcast", -1)
        assert comm.explain("bcast", 10).chosen == "Direct"


def test_an_unknown_channel_is_named() -> None:
    with pytest.raises(fmi.ConfigError, match="Pigeon"):
        fmi.Communicator(0, 2, {"backends": {"Pigeon": {}}, "secret": "s"}, "unknown")
    with pytest.raises(ValueError, match="Direct"):
        fmi.register_channel("Direct", fmi.Storage)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{}, {"bandwidth_multiple": 400}])
def test_calibrating_keeps_to_the_constants_that_there_are(given: dict[str, float]) -> None:
    content = {"model": {"Redis": {"overhead": 5, "bandwidth_single": 100, "instance_price": 0.5, **given}}}
    measured = {"Redis": {"overhead": 1.0, "bandwidth": 150.0}}
    assert with_constants(content, measured)["model"]["Redis"] == {
        "overhead": 1.0,
        "bandwidth_single": 150.0,
        "instance_price": 0.5,
        **given,
    }


def test_calibrating_refuses_what_is_no_model() -> None:
    measured = {"Redis": {"overhead": 1.0, "bandwidth": 150.0}}
    with pytest.raises(fmi.ConfigError, match='"model"'):
        with_constants({"model": {"Redis": 5}}, measured)
    with pytest.raises(fmi.ConfigError, match=r"model\.Redis\.bandwidth_multiple"):
        with_constants({"model": {"Redis": {"bandwidth_single": 1, "bandwidth_multiple": "much"}}}, measured)
