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

Medians of {rounds} rounds, by the clock. Ratios are taken within a round, of neighbours in time, because a
shared machine computes at another speed every second; "best round" shows how much that is.

| | batch | galaxies/s | best round | x Lambda loop | of the limit | largest difference in z |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

- The **limit** is the speed of large single-precision matrix products on all cores (the better of NumPy's
  and PyTorch's) just before and after: {gflops:.0f} GFLOP/s in the median, which would be
  {limit:.0f} galaxies/s if the network, as it is written plainly, were nothing else. Ours computes
  {saved} fewer operations for the same predictions; what is not a matrix product (GELU, SiLU, softmax, layer
  norms, pooling) takes the rest of its time.
- **{course}** is a DataLoader over a TensorDataset, PyTorch's profiler with memory on around every batch, and
  a garbage collection after it. Its own figure, which divides by the sum of the profiler's nested times, is
  **{formula:.0f} galaxies/s** for this run. **{newer}** leaves out profiler and collection.
- **{plain}** is the network as it is trained, in batches that fit the caches better.
- **{torch}** is the folded network in PyTorch; **{onnx}** the same through onnxruntime, one thread a
  core, in pieces of 32; **{native}** the same in kernels of our own
  (`inference/engines/kernels`), one thread a core.
- The difference is to the plain network's predictions, in redshift.
"""

SHIPPED = """## The checkpoint that ships

The same, on {count:,} galaxies of the synthetic survey, for the small network of the repository
({mflop:.1f} million operations a galaxy). What surrounds the matrix products weighs more where these are
small.

| | batch | galaxies/s | best round | x Lambda loop | of the limit | largest difference in z |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}
"""

COLD = """## From nothing

From the start of a process to its last prediction, files in the file system's cache. Medians of {rounds}
rounds. Memory is the most that was resident, in units of 10⁶ bytes.

| | seconds | x course | peak memory (MB) | x course |
| --- | ---: | ---: | ---: | ---: |
{rows}

The course's way imports torch, unpickles the whole model and the TensorDataset, and runs its Lambda loop.
Ours reads the partition with NumPy, and imports torch only in the row that says so. onnxruntime takes a model
that was exported before; the native engine takes the checkpoint and folds it as it starts.
"""

GOALS = """## Goals

| goal | measured | reached |
| --- | ---: | --- |
{rows}
"""


def document(
    warm: Throughput,
    shipped: Throughput,
    starts: Sequence[ColdStart],
    *,
    command: str,
    rounds: int,
    machine: Sequence[str],
) -> str:
    """The page."""
    head = HEAD.format(command=command, mflop=warm.mflop, count=warm.count, machine="; ".join(machine))
    small = SHIPPED.format(count=shipped.count, mflop=shipped.mflop, rows=_rows(shipped))
    return "\n".join([head, _warm(warm, rounds), small, _cold(starts), _goals(warm, starts)])


def _rows(warm: Throughput) -> str:
    return "\n".join(
        f"| {row.title} | {row.batch_size} | {row.rate:.0f} | {row.best:.0f} | {row.speed:.2f} "
        f"| {row.share:.0%} | {row.difference:.1e} |"
        for row in warm.rows
    )


def _warm(warm: Throughput, rounds: int) -> str:
    return WARM.format(
        rounds=rounds,
        rows=_rows(warm),
        gflops=warm.gflops,
        limit=warm.limit,
        saved=f"{1 - warm.folded_mflop / warm.mflop:.0%}",
        formula=warm.course_formula,
        course=throughput.LAMBDA,
        newer=throughput.NEWER,
        plain=throughput.PLAIN,
        torch=throughput.TORCH,
        onnx=throughput.ONNX,
        native=throughput.NATIVE,
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
    ours = warm.row(throughput.NATIVE)
    course, best = (next(one for one in starts if one.title == title) for title in (cold.COURSE, cold.NATIVE))
    time, memory = best.time / course.time, best.megabytes / course.megabytes
    goals = [
        (f"at least {GOAL_SPEED} x the Lambda loop", f"{ours.speed:.2f}", ours.speed >= GOAL_SPEED),
        (f"at least {GOAL_LIMIT:.0%} of the limit", f"{ours.share:.0%}", ours.share >= GOAL_LIMIT),
        (f"cold start in at most {GOAL_COLD} x the time", f"{time:.2f}", time <= GOAL_COLD),
        (f"and at most {GOAL_COLD} x the memory", f"{memory:.2f}", memory <= GOAL_COLD),
    ]
    rows = (f"| {goal} | {found} | {'yes' if reached else 'no'} |" for goal, found, reached in goals)
    return GOALS.format(rows="\n".join(rows))
