"""Several channels at once: real switching, and what goes wrong on one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.channels.base import World as Ranks
from tests.fmi.support.folder_channel import Folder
from tests.fmi.support.services import Services
from tests.fmi.support.worlds import PATIENCE_S, World


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
        used = {name: channel.bytes_sent for name, channel in comm._session.channel._channels.items()}  # type: ignore[attr-defined]
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
        world.comms[0]._session.channel._channels["Direct"].close()  # type: ignore[attr-defined]
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
