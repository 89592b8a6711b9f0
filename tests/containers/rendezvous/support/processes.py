"""Rendezvous servers as processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

COMMAND = [sys.executable, "-m", "containers.rendezvous"]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Server:
    """A running server and its two ports."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int

    def metrics(self) -> dict[str, float]:
        """Sample (name and labels) → value."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in samples}


@contextmanager
def server(*arguments: str, launcher: Sequence[str] = (), **environment: str) -> Iterator[Server]:
    """A server on free ports, unless the arguments say otherwise, run by a launcher if there is one."""
    process = subprocess.Popen(
        [*launcher, *COMMAND, "--host", "127.0.0.1", *arguments],
        env={**os.environ, "PORT": "0", "METRICS_PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            pattern = r"rendezvous server listening on 127\.0\.0\.1:(\d+), metrics on 127\.0\.0\.1:(\d+)\n"
            found = re.fullmatch(pattern, line)
            assert found, line
            yield Server(process, int(found[1]), int(found[2]))
        finally:
            process.kill()
