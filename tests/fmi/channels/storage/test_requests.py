"""Requests on channels over storage, where nothing tells a rank that its message has come."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

import fmi
import tests.fmi.support.folder_channel  # noqa: F401 - registers the channel named Folder
from tests.fmi.support.services import STORAGE
from tests.fmi.support.worlds import PATIENCE_S, World

pytestmark = pytest.mark.parametrize("channel", STORAGE)


def test_a_timeout_of_one_wait_leaves_the_request_alone(
    channel_world: Callable[..., World], channel: str
) -> None:
    waited = threading.Event()

    def body(comm: fmi.Communicator) -> list[float]:
        comm.barrier()
        into = np.zeros(2)
        if comm.rank == 0:
            request = comm.Irecv(into, 1)
            with pytest.raises(fmi.Timeout, match=r"not over within 0\.1 s"):
                request.wait(timeout=0.1)
            waited.set()
            request.wait()
        elif waited.wait(PATIENCE_S):
            comm.Send(np.array([1.0, 2.0]), 0)
        return into.tolist()

    assert channel_world(2, channel).run(body)[0] == [1.0, 2.0]


def test_waitany_names_one_that_comes_while_it_waits(
    channel_world: Callable[..., World], channel: str
) -> None:
    asked = threading.Event()

    def body(comm: fmi.Communicator) -> tuple[int | None, list[object]] | None:
        comm.barrier()
        if comm.rank == 0:
            requests = [comm.irecv(1), comm.irecv(2)]
            with pytest.raises(fmi.Timeout):
                fmi.waitany(requests, timeout=0.1)
            asked.set()
            first = fmi.waitany(requests)
            comm.send("go on", 1)
            return first, fmi.waitall(requests)
        if comm.rank == 1:
            comm.recv(0)
        asked.wait(PATIENCE_S)
        comm.send(comm.rank, 0)
        return None

    assert channel_world(3, channel).run(body)[0] == (1, [1, 2])


def test_an_abort_ends_waitany(channel_world: Callable[..., World], channel: str) -> None:
    def body(comm: fmi.Communicator) -> None:
        comm.barrier()
        if comm.rank == 1:
            comm.abort("the data is bad")
        elif comm.rank == 0:
            fmi.waitany([comm.irecv(1)])

    error = channel_world(2, channel).errors(body)[0]
    assert isinstance(error, fmi.PeerFailure)
    assert (error.rank, error.reason) == (1, "the data is bad")
