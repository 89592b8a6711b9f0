"""One rank of one system: takes commands from the runner, and answers with what it measured."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from benchmarks.fmi.system import Step, System

WARM_UP = 0.2


def make(name: str, rank: int, size: int, rendezvous: tuple[str, int]) -> System:
    """A rank of the named system; only its own libraries are imported."""
    if name in ("arrays", "lists"):
        from benchmarks.fmi.ours import Arrays, Lists  # noqa: PLC0415

        return (Arrays if name == "arrays" else Lists)(rank, size, rendezvous)
    if name in ("gloo", "mpi"):
        from benchmarks.fmi.peers import Gloo, Mpi  # noqa: PLC0415

        return (Gloo if name == "gloo" else Mpi)(rank, size, rendezvous)
    from benchmarks.fmi.raw import Raw, SpinningRaw  # noqa: PLC0415

    return (SpinningRaw if name == "spinning" else Raw)(rank, size, rendezvous)


class Worker:
    """Commands are the methods whose names begin with `do_`; what they return goes back as JSON."""

    def __init__(self, system: System) -> None:
        self._system = system

    def do_set_up(self, name: str, port: int, at: float) -> dict[str, Any]:
        """Make the world at a moment of `time.monotonic()`, which all share; when its barrier was over."""
        while time.monotonic() < at:
            time.sleep(max(0.0, at - time.monotonic()))
        self._system.set_up(name, port)
        self._system.barrier()
        return {"end": time.monotonic()}

    def do_time(self, operation: str, nbytes: int, repetitions: int, congestion: str) -> dict[str, Any]:
        """Time each repetition of an operation, all ranks beginning together."""
        step = self._system.prepare(operation, nbytes)
        for _ in range(max(1, int(repetitions * WARM_UP))):
            step()
        set_congestion(congestion)
        alone = operation == "barrier"
        return {"seconds": [self._once(step, alone) for _ in range(repetitions)]}

    def _once(self, step: Step, alone: bool) -> float:
        if not alone:
            self._system.barrier()
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    def do_connections(self) -> dict[str, Any]:
        """Between which ports of this host this process has TCP connections."""
        pairs = []
        for sock in tcp_sockets():
            with sock, contextlib.suppress(OSError):
                pairs.append((sock.getsockname()[1], sock.getpeername()[1]))
        return {"connections": pairs}

    def do_leave(self) -> dict[str, Any]:
        """Leave the world."""
        self._system.close()
        return {}

    def do_quit(self) -> dict[str, Any]:
        """Leave the world for good."""
        self._system.close()
        return {}


def tcp_sockets() -> list[socket.socket]:
    """Every TCP socket of this process, whoever made it; the caller closes these copies."""
    found = []
    for entry in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").exists() else ():
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            sock = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
            found.append(sock)
        else:
            sock.close()
    return found


def set_congestion(name: str) -> None:
    """Give all connections of this process a congestion control; an empty name leaves them alone."""
    for sock in tcp_sockets() if name else ():
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


def serve(control: socket.socket, worker: Worker) -> None:
    """Obey until told to quit."""
    with control.makefile("rw") as stream:
        for line in stream:
            command = json.loads(line)
            name = command.pop("do")
            action = getattr(worker, f"do_{name}")
            stream.write(json.dumps(action(**command)) + "\n")
            stream.flush()
            if name == "quit":
                return


def main() -> None:
    """Say who this is, then serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("size", type=int)
    parser.add_argument("control", help="path of the runner's socket")
    parser.add_argument("rendezvous", help="host:port")
    parser.add_argument("--rank", type=int, default=int(os.environ.get("OMPI_COMM_WORLD_RANK", "0")))
    given = parser.parse_args()
    host, _, port = given.rendezvous.rpartition(":")
    worker = Worker(make(given.system, given.rank, given.size, (host, int(port))))
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(given.control)
        control.sendall(json.dumps({"rank": given.rank}).encode() + b"\n")
        serve(control, worker)


if __name__ == "__main__":
    main()
