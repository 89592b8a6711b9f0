"""Ranks as processes of their own, for tests in which one dies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fmi.protocol.tcpunch import Address
from tests.fmi.support.worlds import SECRET


@contextmanager
def rank_process(
    address: Address, name: str, rank: int, size: int, *command: str
) -> Iterator[subprocess.Popen[str]]:
    """`python -m COMMAND` as one rank of a world; it is killed at the end."""
    environment = {
        **os.environ,
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "FMI_SECRET": SECRET,
        "FMI_COMM_NAME": name,
        "RENDEZVOUS_HOST": address.host,
        "RENDEZVOUS_PORT": str(address.port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """What the rank says next."""
    assert process.stdout
    return process.stdout.readline().rstrip()
