"""The ranks of one system as processes, and the line over which the runner commands them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cosmic_fmi.experiment.targets.ports import free_port

PATIENCE_S = 240.0
# Far enough ahead that every rank has the command before the moment comes.
LEAD_S = 0.05
MCA = ["--mca", "pml", "ob1", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"]
ROOT = Path(__file__).resolve().parents[2]


class World:
    """All ranks of one system, started and waiting for commands."""

    def __init__(self, system: str, size: int, rendezvous: str) -> None:
        self.system = system
        self.size = size
        self.names = 0
        self._folder = tempfile.mkdtemp()
        path = str(Path(self._folder) / "control")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(size)
            listener.settimeout(PATIENCE_S)
            self._processes = _start(system, size, [path, rendezvous])
            self._lines = self._meet(listener)

    def _meet(self, listener: socket.socket) -> list[IO[str]]:
        lines: dict[int, IO[str]] = {}
        while len(lines) < self.size:
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE_S)
            line = sock.makefile("rw")
            sock.close()
            lines[json.loads(line.readline())["rank"]] = line
        return [lines[rank] for rank in range(self.size)]

    def order(self, command: str, **arguments: object) -> list[dict[str, Any]]:
        """Have every rank do something; what each answers. Raises RuntimeError when one fails."""
        for line in self._lines:
            line.write(json.dumps({"do": command, **arguments}) + "\n")
            line.flush()
        answers = [line.readline() for line in self._lines]
        if not all(answers):
            raise RuntimeError(f"a rank of {self.system} failed in {command} {arguments}")
        return [json.loads(answer) for answer in answers]

    def set_up(self) -> float:
        """Make a fresh world; the time from the ranks' common start to the end of the last one's barrier."""
        if self.names:
            self.order("leave")
        self.names += 1
        at = time.monotonic() + LEAD_S
        name = f"{self.system} {os.getpid()} {self.size} {self.names}"
        answers = self.order("set_up", name=name, port=free_port(), at=at)
        return float(max(answer["end"] for answer in answers)) - at

    def time(self, operation: str, nbytes: int, repetitions: int, congestion: str = "") -> list[float]:
        """How long each repetition took, until the last rank was through with it."""
        answers = self.order(
            "time", operation=operation, nbytes=nbytes, repetitions=repetitions, congestion=congestion
        )
        halves = 0.5 if operation == "pingpong" else 1.0
        return [halves * max(each) for each in zip(*(a["seconds"] for a in answers), strict=True)]

    def connections(self) -> int:
        """How many TCP connections there are between the ranks."""
        answers = self.order("connections")
        ends = [{tuple(pair) for pair in answer["connections"]} for answer in answers]
        return sum(
            (theirs, mine) in other
            for i, one in enumerate(ends)
            for mine, theirs in one
            for other in ends[i + 1 :]
        )

    def close(self) -> None:
        """End the processes; by force those that do not go."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self.order("quit")
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.close()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _start(system: str, size: int, arguments: list[str]) -> list[subprocess.Popen[bytes]]:
    worker = [sys.executable, "-m", "benchmarks.fmi.worker", system, str(size), *arguments]
    # One thread a rank: more would take cores from the other ranks.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if system == "mpi":
        command = [mpirun(), "-n", str(size), "--oversubscribe", "--bind-to", "none", *MCA, *worker]
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return [subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL)]
    return [
        subprocess.Popen([*worker, "--rank", str(rank)], env=environment, cwd=ROOT) for rank in range(size)
    ]


def mpirun() -> str:
    """Open MPI's launcher: the one beside this Python, or the system's."""
    beside = Path(sys.executable).with_name("mpirun")
    return str(beside) if beside.exists() else shutil.which("mpirun") or ""


@contextlib.contextmanager
def rendezvous_server() -> Iterator[str]:
    """The rendezvous server in a process of its own; host:port."""
    command = [sys.executable, "-m", "benchmarks.fmi.rendezvous"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - asked for
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
