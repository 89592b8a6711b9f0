"""Communicators made of communicators, and the names of communicators."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import World, config_for, open_files


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_a_world_is_split_by_color_and_numbered_by_key(kept_worlds: dict[int, World], size: int) -> None:
    def body(comm: fmi.Communicator) -> None:
        with_same_color = [rank for rank in range(size) if rank % 2 == comm.rank % 2]
        with comm.split(comm.rank % 2, -comm.rank) as half:
            assert half.size == half.Get_size() == len(with_same_color)
            assert half.rank == half.Get_rank() == sorted(with_same_color, reverse=True).index(comm.rank)
            assert half.allgather(comm.rank) == sorted(with_same_color, reverse=True)
            total = np.zeros(1, int)
            half.Allreduce(np.array([comm.rank]), total)
            assert total[0] == sum(with_same_color)
        comm.Barrier()

    kept_worlds[size].run(body)


@settings(max_examples=15, deadline=None)
@given(
    ranks=st.lists(
        st.tuples(st.none() | st.integers(-(10**20), 10**20) | st.integers(0, 1), st.integers(-2, 2)),
        min_size=5,
        max_size=5,
    )
)
def test_any_colors_and_keys(kept_worlds: dict[int, World], ranks: list[tuple[int | None, int]]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        color, key = ranks[comm.rank]
        child = comm.split(color, key)
        if child is None:
            return None
        with child:
            return child.allgather(comm.rank)

    for rank, members in enumerate(kept_worlds[5].run(body)):
        color = ranks[rank][0]
        same = [other for other in range(5) if ranks[other][0] == color]
        expected = sorted(same, key=lambda other: (ranks[other][1], other))
        assert members == (None if color is None else expected)


def test_a_copy_has_messages_of_its_own(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        with comm.dup() as copy, copy.dup() as second:
            peer = 1 - comm.rank
            requests = [second.irecv(peer), copy.irecv(peer), comm.irecv(peer)]
            for number, each in enumerate([comm, copy, second]):
                each.send(number, peer)
            return fmi.waitall(requests)

    assert kept_worlds[2].run(body) == [[2, 1, 0]] * 2


@pytest.mark.parametrize("how", ["close", "abort", "error"])
def test_a_child_and_its_parent_do_not_share_their_end(world: Callable[..., World], how: str) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        child = comm.dup()
        child.Barrier()
        comm.Barrier()  # an abort would reach a rank that is still in the child's
        if how == "close":
            child.close()
        elif how == "abort" and comm.rank == 0:
            child.abort("enough")
        elif how == "error":
            with pytest.raises(fmi.MismatchError):
                child.bcast(1, comm.rank)
                child.Barrier()
        return comm.allreduce(1, fmi.SUM)

    assert world(2).run(body) == [2, 2]


def test_children_outlive_their_parent(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> Any:  # noqa: ANN401
        child = comm.dup()
        comm.close()
        with child:
            return child.allgather(comm.rank)

    assert world(3).run(body) == [[0, 1, 2]] * 3


def test_names_that_only_look_alike_are_different_communicators(address: Address) -> None:
    """In the original "A" from rank 11 to 0 meets "A1" from rank 1 to 0."""
    config = config_for(address)
    with (
        fmi.Communicator(11, 12, config, "A") as eleven,
        fmi.Communicator(0, 12, config, "A") as zero,
        fmi.Communicator(1, 12, config, "A1") as one,
        fmi.Communicator(0, 12, config, "A1") as other_zero,
    ):
        requests = [
            eleven.isend("from A", 0),
            one.isend("from A1", 0),
            zero.irecv(11),
            other_zero.irecv(1),
        ]
        assert fmi.waitall(requests)[2:] == ["from A", "from A1"]


def test_fifty_splits_leave_no_descriptor_or_thread_behind(world: Callable[..., World]) -> None:
    everyone = world(2)

    def body(comm: fmi.Communicator) -> None:
        with comm.dup() as child:
            assert fmi.waitall([child.isend(1, 1 - comm.rank), child.irecv(1 - comm.rank)]) == [None, 1]

    everyone.run(body)
    files, threads = open_files(), threading.active_count()
    for _ in range(50):
        everyone.run(body)
    assert open_files() <= files
    assert threading.active_count() <= threads
