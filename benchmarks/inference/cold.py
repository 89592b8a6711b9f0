"""Cold starts: from the start of a process to its last prediction, and the most memory it held."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

from benchmarks.inference.material import Material
from inference.core.config import ModelError

COURSE = "course, torch and a pickled model"
TORCH = "ours, torch"
ONNX = "ours, onnx"
NATIVE = "ours, native"
# A program's peak is told by the program: what the kernel tells its parent includes the parent's own memory.
RUN = (
    "import runpy, sys; sys.argv = sys.argv[1:]\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    "print('done', flush=True)\n"
    "from cosmic_fmi.common.memory import peak_memory; print(peak_memory())"
)


@dataclass
class ColdStart:
    """One way to start, and each round's seconds and bytes."""

    title: str
    arguments: list[str]
    seconds: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    @property
    def time(self) -> float:
        """Median seconds."""
        return median(self.seconds)

    @property
    def megabytes(self) -> float:
        """Median peak memory in MB (10⁶ bytes)."""
        return median(self.peak) / 1e6


def measure(material: Material, rounds: int, progress: Callable[[str], None]) -> list[ColdStart]:
    """Start everybody once a round, after one round that fills the file system's cache."""
    data = str(material.data)
    starts = [
        ColdStart(COURSE, ["benchmarks.inference.course", str(material.pickled), data]),
        ColdStart(TORCH, ["benchmarks.inference.ours", "torch", str(material.checkpoint), data]),
        ColdStart(ONNX, ["benchmarks.inference.ours", "onnx", str(material.checkpoint), data]),
        ColdStart(NATIVE, ["benchmarks.inference.ours", "native", str(material.checkpoint), data]),
    ]
    for number in range(rounds + 1):
        progress(f"cold start: round {number} of {rounds}" if number else "cold start: warming up")
        for start in starts:
            _once(start, len(material.galaxies))
    for start in starts:
        del start.seconds[0], start.peak[0]
    return starts


def _once(start: ColdStart, count: int) -> None:
    began = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *start.arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        predicted = process.stdout.readline().strip()
        process.stdout.readline()
        start.seconds.append(perf_counter() - began)
        start.peak.append(float(process.stdout.readline() or "nan"))
    if process.returncode or predicted != str(count):
        raise ModelError(f"{start.title}: the process predicted {predicted or 'nothing'} instead of {count}.")
