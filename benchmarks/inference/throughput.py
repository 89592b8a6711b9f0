"""Samples a second in a warm process: all contenders in turn, round after round."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import TensorDataset

from benchmarks.inference import course
from benchmarks.inference.material import Material
from inference.engine import Engine, predict
from inference.engines import Choice, open_engine
from inference.environment import usable_cores

MFLOP = 221.0
"""Floating point operations of a sample in the plain network, in millions (tests/inference/test_model.py)."""
FOLDED_MFLOP = 212.0
"""The same in the folded network."""
MATRIX = 2048
"""Rows and columns of the matrices whose product is the machine's limit."""
PLAIN_BATCH = 128

LAMBDA = "course, Lambda loop"
NEWER = "course, newer loop"
PLAIN = "plain PyTorch"
TORCH = "ours, torch"
ONNX = "ours, onnx"
Predictions = npt.NDArray[np.float32]


@dataclass
class Contender:
    """Something that predicts all galaxies, and how long it took in each round."""

    title: str
    batch_size: int
    predict: Callable[[], Predictions]
    seconds: list[float] = field(default_factory=list)
    predictions: Predictions = field(default_factory=lambda: np.empty(0, np.float32))


@dataclass(frozen=True)
class Row:
    """A contender's samples a second (median, and best round), and its largest difference from the plain
    network's predictions, in redshift.
    """

    title: str
    batch_size: int
    rate: float
    best: float
    difference: float


@dataclass(frozen=True)
class Throughput:
    """The rows, the machine's limit in GFLOP/s (median), and the course's own figure of its loop."""

    rows: list[Row]
    count: int
    gflops: float
    course_formula: float

    @property
    def limit(self) -> float:
        """Samples a second if every operation ran at the speed of a large matrix product."""
        return self.gflops * 1e3 / MFLOP

    def rate(self, title: str) -> float:
        """Median samples a second of a contender."""
        return next(row.rate for row in self.rows if row.title == title)


def measure(material: Material, rounds: int, say: Callable[[str], None]) -> Throughput:
    """Let everybody predict the same galaxies once a round, after one round that does not count."""
    torch.set_num_threads(usable_cores())
    formula: list[float] = []
    contenders = _contenders(material, formula)
    products: list[float] = []
    for number in range(rounds + 1):
        say(f"throughput: round {number} of {rounds}" if number else "throughput: warming up")
        products.append(_matrix_product())
        for contender in contenders:
            started = time.perf_counter()
            contender.predictions = contender.predict()
            contender.seconds.append(time.perf_counter() - started)
    plain = next(one.predictions for one in contenders if one.title == PLAIN)
    count = len(material.galaxies)
    rows = [
        Row(
            one.title,
            one.batch_size,
            count / median(one.seconds[1:]),
            count / min(one.seconds[1:]),
            float(np.abs(one.predictions - plain).max()),
        )
        for one in contenders
    ]
    return Throughput(rows, count, median(products[1:]), count / median(formula[1:]))


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

    engines = [open_engine(material.checkpoint, Choice(name, "cpu")) for name in ("torch", "onnx")]
    return [
        Contender(LAMBDA, course.BATCH_SIZE, lambda_loop),
        Contender(NEWER, course.BATCH_SIZE, lambda: _joined(course.newer_loop(model, data))),
        Contender(PLAIN, PLAIN_BATCH, plain),
        Contender(TORCH, PLAIN_BATCH, ours(engines[0], PLAIN_BATCH)),
        Contender(ONNX, 512, ours(engines[1], 512)),
    ]


def _joined(batches: list[torch.Tensor]) -> Predictions:
    found: Predictions = torch.cat(batches)[:, 0].numpy()
    return found


def _matrix_product() -> float:
    """GFLOP/s of a large single-precision product on all cores, the better of NumPy's and PyTorch's."""
    first, second = (np.full((MATRIX, MATRIX), value, np.float32) for value in (0.5, 0.25))
    pair = torch.from_numpy(first), torch.from_numpy(second)
    best = float("inf")
    for product in (lambda: first @ second, lambda: pair[0] @ pair[1]):
        for _ in range(3):
            started = time.perf_counter()
            product()
            best = min(best, time.perf_counter() - started)
    return 2 * MATRIX**3 / best / 1e9
