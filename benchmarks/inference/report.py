"""docs/benchmarks/inference.md, written anew from the results of a run."""

from collections.abc import Sequence

from benchmarks.inference import cold, throughput
from benchmarks.inference.cold import ColdStart
from benchmarks.inference.throughput import Throughput

GOAL_SPEED = 3.0
GOAL_LIMIT = 0.85
GOAL_COLD = 0.42

HEAD = """# Inference, ours and the course's way

Written by `{command}`; do not edit. The network has the published size (15.9 million parameters,
{mflop:.0f} million floating point operations a galaxy, convolution kernel 1, 3 heads) and random weights;
every contender predicts the same {count:,} galaxies (a 25 MB partition has 1,279), in single precision on all
cores. They take turns in every round, so that whatever else the machine did hit all of them alike.

![samples a second and cold starts](inference.png)

Measured on: {machine}.
"""

WARM = """## In a warm process

Medians of {rounds} rounds, by the clock.

| | batch | galaxies/s | best round | x Lambda loop | of the limit | largest difference in z |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

- The **limit** is the speed of a large single-precision matrix product on all cores, {gflops:.0f} GFLOP/s
  (the better of NumPy's and PyTorch's), which would be {limit:.0f} galaxies/s if the network were nothing
  else, as the plain network is written. Ours computes {saved} fewer operations for the same predictions.
- **{course}** is a DataLoader over a TensorDataset, PyTorch's profiler with memory on around every batch, and
  a garbage collection after it. Its own figure, which divides by the sum of the profiler's nested times, is
  **{formula:.0f} galaxies/s** for this run. **{newer}** leaves out profiler and collection.
- **{plain}** is the network as it is trained, in batches that fit the caches better.
- **{torch}** is the folded network in PyTorch; **{onnx}** the same through onnxruntime, one thread a
  core, in pieces of 32.
- The difference is to the plain network's predictions, in redshift.
"""

COLD = """## From nothing

From the start of a process to its last prediction, files in the file system's cache. Medians of {rounds}
rounds. Memory is the most that was resident, in units of 10⁶ bytes.

| | seconds | x course | peak memory (MB) | x course |
| --- | ---: | ---: | ---: | ---: |
{rows}

The course's way imports torch, unpickles the whole model and the TensorDataset, and runs its Lambda loop.
Ours with onnxruntime imports no torch: the model was exported before and the partition is read with NumPy.
"""

GOALS = """## Goals

| goal | measured | reached |
| --- | ---: | --- |
{rows}
"""


def document(
    warm: Throughput, starts: Sequence[ColdStart], *, command: str, rounds: int, machine: Sequence[str]
) -> str:
    """The page."""
    head = HEAD.format(command=command, mflop=throughput.MFLOP, count=warm.count, machine="; ".join(machine))
    return "\n".join([head, _warm(warm, rounds), _cold(starts), _goals(warm, starts)])


def _warm(warm: Throughput, rounds: int) -> str:
    slowest = warm.rate(throughput.LAMBDA)
    rows = (
        f"| {row.title} | {row.batch_size} | {row.rate:.0f} | {row.best:.0f} | {row.rate / slowest:.2f} "
        f"| {row.rate / warm.limit:.0%} | {row.difference:.1e} |"
        for row in warm.rows
    )
    return WARM.format(
        rounds=rounds,
        rows="\n".join(rows),
        gflops=warm.gflops,
        limit=warm.limit,
        saved=f"{1 - throughput.FOLDED_MFLOP / throughput.MFLOP:.0%}",
        formula=warm.course_formula,
        course=throughput.LAMBDA,
        newer=throughput.NEWER,
        plain=throughput.PLAIN,
        torch=throughput.TORCH,
        onnx=throughput.ONNX,
    )


def _cold(starts: Sequence[ColdStart]) -> str:
    course = starts[0]
    rows = (
        f"| {start.title} | {start.time:.2f} | {start.time / course.time:.2f} "
        f"| {start.megabytes:.0f} | {start.megabytes / course.megabytes:.2f} |"
        for start in starts
    )
    return COLD.format(rounds=len(course.seconds), rows="\n".join(rows))


def _goals(warm: Throughput, starts: Sequence[ColdStart]) -> str:
    ours = warm.rate(throughput.ONNX)
    course, best = (next(one for one in starts if one.title == title) for title in (cold.COURSE, cold.ONNX))
    speed, share = ours / warm.rate(throughput.LAMBDA), ours / warm.limit
    time, memory = best.time / course.time, best.megabytes / course.megabytes
    goals = [
        (f"at least {GOAL_SPEED} x the Lambda loop", f"{speed:.2f}", speed >= GOAL_SPEED),
        (f"at least {GOAL_LIMIT:.0%} of the limit", f"{share:.0%}", share >= GOAL_LIMIT),
        (f"cold start in at most {GOAL_COLD} x the time", f"{time:.2f}", time <= GOAL_COLD),
        (f"and at most {GOAL_COLD} x the memory", f"{memory:.2f}", memory <= GOAL_COLD),
    ]
    rows = (f"| {goal} | {found} | {'yes' if reached else 'no'} |" for goal, found, reached in goals)
    return GOALS.format(rows="\n".join(rows))
