"""Small programs that check that a world works and measure how fast it is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from fmi._ops import SUM
from fmi.comm.communicator import Communicator
from fmi.errors import FMIError

# Measurements go on for about this long each, within these limits.
MEASURE_S = 0.5
FEWEST, MOST = 3, 1000
PING_BYTES = [8, 8 << 10, 1 << 20]
BENCH_BYTES = [8, 8 << 10, 1 << 20]


def hello(comm: Communicator) -> None:
    """Every rank says who it is; rank 0 prints it."""
    greetings = comm.gather(f"rank {comm.rank} of {comm.size} says hello", 0)
    if greetings is not None:
        print(*greetings, sep="\n", flush=True)


def ring(comm: Communicator) -> None:
    """A number goes around all ranks; each adds its own. Rank 0 checks the sum."""
    if comm.size == 1:
        print("a ring of one: nothing to send", flush=True)
        return
    following, preceding = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    if comm.rank > 0:
        comm.send(comm.recv(preceding) + comm.rank, following)
        return
    started = time.perf_counter()
    comm.send(0, following)
    total, expected = comm.recv(preceding), comm.size * (comm.size - 1) // 2
    if total != expected:
        raise FMIError(f"the sum around the ring is {total}, not {expected}")
    milliseconds = (time.perf_counter() - started) * 1e3
    print(f"around {comm.size} ranks in {milliseconds:.1f} ms, connecting included: {total}", flush=True)


def pingpong(comm: Communicator) -> None:
    """How long a message takes between ranks 0 and 1, one way, and what bandwidth that is."""
    if comm.rank == 0:
        print(f"{'bytes':>10}{'one way':>14}{'bandwidth':>16}", flush=True)
    for nbytes in PING_BYTES:
        seconds = one_way(comm, nbytes)
        if comm.rank == 0:
            print(f"{nbytes:>10,}{seconds * 1e6:>11.1f} µs{nbytes / seconds / 1e6:>11.1f} MB/s", flush=True)


def bench(comm: Communicator) -> None:
    """The median time of the usual operations; rank 0 prints a table."""
    if comm.rank == 0:
        print(f"{'operation':<12}{'bytes':>10}{'time':>14}{'bandwidth':>16}", flush=True)
    _row(comm, "barrier", 0, comm.barrier)
    for nbytes in BENCH_BYTES:
        data, into = np.zeros(nbytes // 8), np.empty(nbytes // 8)
        everything = np.empty(comm.size * data.size)
        _row(comm, "bcast", nbytes, lambda data=data: comm.Bcast(data))  # type: ignore[misc]
        _row(comm, "allreduce", nbytes, lambda data=data, into=into: comm.Allreduce(data, into, SUM))  # type: ignore[misc]
        _row(comm, "allgather", nbytes, lambda data=data, into=everything: comm.Allgather(data, into))  # type: ignore[misc]


def _row(comm: Communicator, name: str, nbytes: int, action: Callable[[], None]) -> None:
    seconds = measure(comm, action)
    if comm.rank == 0:
        bandwidth = f"{nbytes / seconds / 1e6:>11.1f} MB/s" if nbytes else ""
        print(f"{name:<12}{nbytes:>10,}{seconds * 1e6:>11.1f} µs{bandwidth}", flush=True)


def one_way(comm: Communicator, nbytes: int) -> float:
    """Seconds that a message takes from rank 0 to rank 1, half of the way there and back."""
    data = np.zeros(nbytes, np.uint8)

    def there_and_back() -> None:
        if comm.rank == 0:
            comm.Send(data, 1)
            comm.Recv(data, 1)
        elif comm.rank == 1:
            comm.Recv(data, 0)
            comm.Send(data, 0)

    return measure(comm, there_and_back) / 2


def measure(comm: Communicator, action: Callable[[], None]) -> float:
    """Median seconds of an action that all ranks take part in, as rank 0 sees it, warmed up."""
    action()
    first = _timed(action)
    count = min(MOST, max(FEWEST, int(MEASURE_S / first)))
    count = int(comm.bcast(count if comm.rank == 0 else None, 0))
    comm.barrier()
    return statistics.median(_timed(action) for _ in range(count))


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
