"""A world of processes on this machine, and a rendezvous server for it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from fmi.errors import ConfigError

END_S = 5.0
SERVER = "containers.rendezvous"
# What a rank takes that has connected to a few others: Python, NumPy, and its buffers.
RANK_BYTES = 40 << 20


class Start(Protocol):
    """Starts a process."""

    def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command with these variables added to the environment."""


@contextlib.contextmanager
def rendezvous_server() -> Iterator[dict[str, str]]:
    """Run a rendezvous server on this machine; yields the environment variables that name it.

    Raises:
        ConfigError: the server's program is not installed here, or does not start.
    """
    if not _is_importable(SERVER):
        raise ConfigError(
            "there is no rendezvous server to start here: run this from the repository, or set "
            "RENDEZVOUS_HOST and RENDEZVOUS_PORT to one that runs elsewhere"
        )
    command = [sys.executable, "-m", SERVER, "--host", "127.0.0.1", "--port", "0"]
    with processes() as started:
        server = started(command, {"LOG_LEVEL": "ERROR"}, stdout=subprocess.PIPE)
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        address = re.search(r"listening on ([\d.]+):(\d+)", server.stdout.readline().decode())
        if address is None:
            raise ConfigError("the rendezvous server did not start; see its message above")
        yield {"RENDEZVOUS_HOST": address[1], "RENDEZVOUS_PORT": address[2]}


def most_ranks() -> int | None:
    """How many ranks this machine's memory holds; None where the system does not say how much that is."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // RANK_BYTES
    except (OSError, ValueError):
        return None


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


def run_ranks(arguments: Sequence[str], ranks: int, environment: Mapping[str, str]) -> int:
    """Run `python -m fmi` with these arguments as every rank of a world; 0 if all succeed, 1 otherwise."""
    shared = {"WORLD_SIZE": str(ranks), "FMI_COMM_NAME": "python -m fmi", **environment}
    shared.setdefault("FMI_SECRET", secrets.token_hex(32))
    with processes() as started:
        command = [sys.executable, "-m", "fmi", *arguments]
        world = [started(command, {**shared, "RANK": str(rank)}) for rank in range(ranks)]
        codes = [process.wait() for process in world]
    return 1 if any(codes) else 0


@contextlib.contextmanager
def processes() -> Iterator[Start]:
    """Yields a function that starts processes; none of them outlives the block."""
    running: list[subprocess.Popen[bytes]] = []

    def start(
        command: Sequence[str], environment: Mapping[str, str], stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        # In its own session a process does not get Ctrl-C: this process ends it, once.
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=stdout, start_new_session=True
        )
        running.append(process)
        return process

    try:
        yield start
    finally:
        for process in running:
            process.terminate()
        for process in running:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
