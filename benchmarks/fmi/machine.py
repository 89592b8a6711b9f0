"""What the numbers were measured on, without names of hosts or people."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import subprocess
from pathlib import Path

from benchmarks.fmi.worlds import mpirun


def default_congestion() -> str:
    """The congestion control of a new connection; empty where the system has no choice."""
    if not hasattr(socket, "TCP_CONGESTION"):
        return ""
    with socket.socket() as sock:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


def describe() -> list[str]:
    """Processor, system and versions, a line each."""
    return [
        f"{_processor()}, {os.cpu_count()} cores",
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}",
        f"congestion control of new connections: {default_congestion() or 'fixed'}",
        *(f"{name} {_version(name)}" for name in ("numpy", "torch", "mpi4py")),
        _open_mpi(),
    ]


def peers_are_here() -> bool:
    """Whether mpi4py and Open MPI are installed."""
    return bool(mpirun()) and _version("mpi4py") != "not installed"


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _open_mpi() -> str:
    if not mpirun():
        return "Open MPI not installed"
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    answer = subprocess.run(
        [mpirun(), "--version"], env=environment, capture_output=True, text=True, check=False
    )
    return (
        (answer.stdout.splitlines() or ["Open MPI, version unknown"])[0]
        .replace("mpirun (", "")
        .replace(")", "")
    )
