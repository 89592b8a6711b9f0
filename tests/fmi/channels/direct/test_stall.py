"""Connections that carry their first kilobytes and then nothing more, as seen between functions on AWS."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import fmi
from fmi.config import DEFAULT_PROBE_BYTES
from tests.fmi.support.middlebox import MiddleboxServer
from tests.fmi.support.worlds import World, serving

SUM = fmi.func(fmi.op.sum)
N = 1 << 16


def total(comm: fmi.Communicator) -> float:
    """Around the ring and back, with more data than the probe."""
    doubles = fmi.types(fmi.datatypes.double_list, N)
    return float(comm.allreduce(np.full(N, float(comm.rank)), SUM, doubles).mean())


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("after_bytes", [0, 40, 16_384, 2 * DEFAULT_PROBE_BYTES])
def test_a_connection_that_stalls_during_the_probe_is_replaced(
    caplog: pytest.LogCaptureFixture, size: int, after_bytes: int
) -> None:
    caplog.set_level(logging.INFO, "fmi")
    box = MiddleboxServer(stalls=1, after_bytes=after_bytes)
    with serving(server=box) as server, World(size, server.address, setup_timeout=500) as everyone:
        assert everyone.run(total) == [sum(range(size))] * size
    assert box.pairings
    assert all(met >= 2 for met in box.pairings)
    assert "during the handshake" in caplog.text


def test_a_pair_whose_connections_all_stall_is_named_and_told_why() -> None:
    box = MiddleboxServer(stalls=1000, after_bytes=30_000)
    with (
        serving(server=box) as server,
        World(2, server.address, setup_timeout=200, peer_timeout=3_000) as everyone,
    ):
        errors = everyone.errors(total)
    assert any(isinstance(error, fmi.Timeout) for error in errors)
    for rank, error in enumerate(errors):
        assert isinstance(error, fmi.Timeout | fmi.PeerFailure)
        assert f"rank {1 - rank}" in str(error)
    timeout = next(error for error in errors if isinstance(error, fmi.Timeout))
    assert "during the handshake" in str(timeout)


def test_a_connection_that_stalls_later_is_a_timeout_that_names_the_peer() -> None:
    box = MiddleboxServer(stalls=1, after_bytes=4 * DEFAULT_PROBE_BYTES)
    with (
        serving(server=box) as server,
        World(2, server.address, stall_timeout=300, peer_timeout=1_500) as everyone,
    ):
        errors = everyone.errors(total)
    assert any(isinstance(error, fmi.Timeout) for error in errors)
    for rank, error in enumerate(errors):
        assert isinstance(error, fmi.Timeout | fmi.PeerFailure)
        assert f"rank {1 - rank}" in str(error)
