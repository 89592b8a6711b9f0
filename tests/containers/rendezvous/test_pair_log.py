from __future__ import annotations

import asyncio
import logging
import time

import pytest

from containers.rendezvous.pair_log import PairLog
from containers.rendezvous.server import RendezvousServer
from fmi.protocol import tcpunch


async def pair(server: RendezvousServer, name: bytes) -> None:
    """Two clients that meet under a name."""
    ends = [await asyncio.open_connection(*server.address) for _ in range(2)]
    for _, writer in ends:
        writer.write(tcpunch.encode_v2_request(name))
    for reader, writer in ends:
        assert len(await reader.read()) == 2 * tcpunch.V2_RESPONSE_BYTES  # waiting, paired, and closed
        writer.close()


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.msg == "pairs"]


def test_a_burst_of_pairs_is_one_line_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with RendezvousServer() as server:
            await asyncio.gather(*(pair(server, f"pair {number}".encode()) for number in range(20)))
            while not records(caplog):
                await asyncio.sleep(0.01)

    before = time.time()
    with caplog.at_level(logging.INFO, "rendezvous"):
        asyncio.run(asyncio.wait_for(main(), 30))
    assert sum(vars(record)["pairs"] for record in records(caplog)) == 20
    first = vars(records(caplog)[0])
    assert 0 <= first["longest_wait_s"] <= first["wait_s"]
    assert before <= first["first_at"] <= first["last_at"] <= time.time()


def test_stopping_leaves_nothing_unsaid(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with RendezvousServer() as server:
            await pair(server, b"pair")

    with caplog.at_level(logging.INFO, "rendezvous"):
        asyncio.run(asyncio.wait_for(main(), 30))
    [record] = records(caplog)
    assert vars(record)["pairs"] == 1


def test_nothing_is_logged_without_pairs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rendezvous"):
        PairLog().flush()
    assert not records(caplog)
