"""More ranks than cores: a rank that waits yields the processor, and every rank gets the right answer."""

from __future__ import annotations

import os
import subprocess
import sys

from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import PATIENCE_S, SECRET


def test_a_world_of_twice_as_many_processes_as_cores(address: Address) -> None:
    size = min(2 * (os.cpu_count() or 1) + 1, 9)
    environment = {
        **os.environ,
        "WORLD_SIZE": str(size),
        "FMI_SECRET": SECRET,
        "FMI_COMM_NAME": "oversubscribed",
        "RENDEZVOUS_HOST": address.host,
        "RENDEZVOUS_PORT": str(address.port),
        "OPENBLAS_NUM_THREADS": "1",
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.fmi.support.oversubscribed_rank"],
            env={**environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        said = [rank.communicate(timeout=2 * PATIENCE_S)[0].split() for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    total = str(float(size * (size - 1) // 2))
    assert said == [[total, total, str(float(size)), str(float(size))]] * size
