"""Samples a second in a warm process: all contenders in turn, round after round.

A machine that is shared, as virtual ones are, computes at another speed every second: on the one of
docs/benchmarks, matrix products alone went at 116 to 179 GFLOP/s within eight seconds in which nothing else
ran. So ratios are taken within a round, of neighbours in time, and the limit is what products reached just
before and just after a contender's turn, for as long as a good part of that turn.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import TensorDataset

from benchmarks.inference import course, flops
from benchmarks.inference.material import Material
from cosmic_fmi.common.cores import usable_cores
from inference.engines.base import Engine, predict
from inference.engines.select import Choice, open_engine

MATRIX = 2048
"""Rows and columns of the matrices whose product is the machine's limit."""
PRODUCTS = 3
"""Products in a row, by each library, that measure it."""
PLAIN_BATCH = 128

LAMBDA = "course, Lambda loop"
NEWER = "course, newer loop"
PLAIN = "plain PyTorch"
TORCH = "ours, torch"
ONNX = "ours, onnx"
NATIVE = "ours, native"
Predictions = npt.NDArray[np.float32]


@dataclass
class Contender:
    """Something that predicts all galaxies; by round how long it took, and the GFLOP/s of products then."""

    title: str
    batch_size: int
    predict: Callable[[], Predictions]
    seconds: list[float] = field(default_factory=list)
    gflops: list[float] = field(default_factory=list)
    predictions: Predictions = field(default_factory=lambda: np.empty(0, np.float32))


@dataclass(frozen=True)
class Row:
    """A contender's samples a second (median, and best round), how many times those of the Lambda loop in the
    same round, and which share of the limit at that moment (medians), and its largest difference from the
    plain network's predictions, in redshift.
    """

    title: str
    batch_size: int
    rate: float
    best: float
    speed: float
    share: float
    difference: float


@dataclass(frozen=True)
class Throughput:
    """The rows, the machine's limit in GFLOP/s (median), the course's own figure of its loop, and millions of
    floating point operations a galaxy in the plain and in the folded network.
    """

    rows: list[Row]
    count: int
    gflops: float
    course_formula: float
    mflop: float
    folded_mflop: float

    @property
    def limit(self) -> float:
        """Samples a second if every operation ran at the speed of a large matrix product."""
        return self.gflops * 1e3 / self.mflop

    def row(self, title: str) -> Row:
        """A contender's row."""
        return next(row for row in self.rows if row.title == title)


def measure(material: Material, rounds: int, progress: Callable[[str], None]) -> Throughput:
    """Let everybody predict the same galaxies once a round, after one round that does not count."""
    torch.set_num_threads(usable_cores())
    formula: list[float] = []
    contenders = _contenders(material, formula)
    for number in range(rounds + 1):
        progress(f"throughput: round {number} of {rounds}" if number else "throughput: warming up")
        before = _matrix_products()
        for contender in contenders:
            started = time.perf_counter()
            contender.predictions = contender.predict()
            contender.seconds.append(time.perf_counter() - started)
            after = _matrix_products()
            contender.gflops.append((before + after) / 2)
            before = after
    for contender in contenders:
        del contender.seconds[0], contender.gflops[0]
    mflop = flops.plain(material.model)
    return Throughput(
        [_row(one, contenders, mflop) for one in contenders],
        len(material.galaxies),
        median(speed for one in contenders for speed in one.gflops),
        len(material.galaxies) / median(formula[1:]),
        mflop,
        flops.folded(material.model),
    )


def _row(one: Contender, contenders: list[Contender], mflop: float) -> Row:
    slowest, plain = (next(who for who in contenders if who.title == title) for title in (LAMBDA, PLAIN))
    count = len(one.predictions)
    pairs = zip(slowest.seconds, one.seconds, strict=True)
    limits = zip(one.seconds, one.gflops, strict=True)
    return Row(
        one.title,
        one.batch_size,
        count / median(one.seconds),
        count / min(one.seconds),
        median(theirs / ours for theirs, ours in pairs),
        median(count * mflop / 1e3 / seconds / speed for seconds, speed in limits),
        float(np.abs(one.predictions - plain.predictions).max()),
    )


def _contenders(material: Material, formula: list[float]) -> list[Contender]:
    galaxies = material.galaxies
    data = TensorDataset(torch.from_numpy(galaxies.image), torch.from_numpy(galaxies.magnitude))
    # As the course has it: without what checkpoint.load does to the layout of the weights in memory.
    model = torch.load(material.pickled, map_location="cpu", weights_only=False).module.eval()

    def lambda_loop() -> Predictions:
        batches, profiled = course.lambda_loop(model, data)
        formula.append(profiled)
        return _joined(batches)

    def plain() -> Predictions:
        with torch.inference_mode():
            pairs = zip(*(torch.split(tensor, PLAIN_BATCH) for tensor in data.tensors), strict=True)
            return _joined([model(list(pair)) for pair in pairs])

    def ours(engine: Engine, batch_size: int) -> Callable[[], Predictions]:
        return lambda: predict(engine, galaxies, batch_size).redshift.astype(np.float32)

    engines = [open_engine(material.checkpoint, Choice(name, "cpu")) for name in ("torch", "onnx", "native")]
    return [
        Contender(LAMBDA, course.BATCH_SIZE, lambda_loop),
        Contender(NEWER, course.BATCH_SIZE, lambda: _joined(course.newer_loop(model, data))),
        Contender(PLAIN, PLAIN_BATCH, plain),
        Contender(TORCH, PLAIN_BATCH, ours(engines[0], PLAIN_BATCH)),
        Contender(ONNX, 512, ours(engines[1], 512)),
        Contender(NATIVE, 512, ours(engines[2], 512)),
    ]


def _joined(batches: list[torch.Tensor]) -> Predictions:
    found: Predictions = torch.cat(batches)[:, 0].numpy()
    return found


def _matrix_products() -> float:
    """GFLOP/s of large single-precision products on all cores, of NumPy's or PyTorch's, whichever is more."""
    first, second = (np.full((MATRIX, MATRIX), value, np.float32) for value in (0.5, 0.25))
    result = np.empty_like(first)
    a, b, c = (torch.from_numpy(matrix) for matrix in (first, second, result))
    found = []
    for product in (lambda: np.dot(first, second, out=result), lambda: torch.mm(a, b, out=c)):
        started = time.perf_counter()
        for _ in range(PRODUCTS):
            product()
        found.append(PRODUCTS * 2 * MATRIX**3 / (time.perf_counter() - started) / 1e9)
    return max(found)
