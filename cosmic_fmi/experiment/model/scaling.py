"""How long an execution takes and what it costs, from its settings: a few terms, each with a meaning.

::

    start       serial + rank · N               Initialize, Summarize, the states; starting one more rank
    set-up      cold / min(1, cpus)             a new environment and its imports, on one processor at most
    download    byte · bytes of a rank
    inference   (galaxy · g + batch · ⌈g/B⌉ + spill · g·B) / cpus     g galaxies of a rank, in batches of B
    messages    message · (1 + log2 N)          pairing, reducing, writing the result

``cpus`` is a function's share of processors, one for each 1,769 MB of memory (AWS Lambda developer guide,
"Configure Lambda function memory"), or its share of this machine's cores on the embedded AWS. The rank with
the most galaxies counts, since the others wait for it.

A part that was measured is an equation of its own; a run of which only the total is known gives one for the
total. Coefficients are never negative (``scipy.optimize.nnls``), each run weighs by its relative error, and
what the runs cannot tell apart is settled by a prior, which is this model fitted to the published figures
(:func:`cosmic_fmi.experiment.model.observations.published`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import scipy

from cosmic_fmi.common.lambda_limits import MB_PER_CPU, MOST_CPUS
from cosmic_fmi.experiment.errors import ModelError

GALAXY_BYTES = 20_500
"""Of one galaxy in a partition: a 100 MB partition holds 5,113 (shared figure of the course)."""
FEWEST_RUNS = 3

PARTS: dict[str, tuple[str, ...]] = {
    "start": ("serial", "rank"),
    "set-up": ("cold",),
    "download": ("byte",),
    "inference": ("galaxy", "batch", "spill"),
    "messages": ("message",),
}
"""The parts of an execution's time, one after the other, and the terms of each."""
TERMS = tuple(term for terms in PARTS.values() for term in terms)
TOTAL = "total"
_PRIOR_WEIGHT = 1e-3


@dataclass(frozen=True)
class Settings:
    """An execution to predict.

    ``partitions`` are the files that the galaxies are in, which go to ranks whole; None for a share of any
    size. ``cores`` are those of the machine that all ranks share; None on AWS.
    """

    world_size: int
    memory_mb: int
    batch_size: int = 512
    galaxies: int = 0
    partitions: int | None = None
    cold: bool = True
    cores: int | None = None
    data_bytes: int | None = None

    @property
    def cpus(self) -> float:
        """Processors that one rank has."""
        if self.cores is not None:
            return self.cores / self.world_size
        return min(MOST_CPUS, self.memory_mb / MB_PER_CPU)

    @property
    def share(self) -> float:
        """The part of the data that the rank with the most of it has."""
        if self.partitions is None:
            return 1 / self.world_size
        return math.ceil(self.partitions / self.world_size) / self.partitions

    @property
    def galaxies_of_rank(self) -> float:
        """Galaxies of the rank that has the most."""
        return self.galaxies * self.share

    @property
    def bytes_of_rank(self) -> float:
        """Bytes that this rank reads from S3."""
        total = self.galaxies * GALAXY_BYTES if self.data_bytes is None else self.data_bytes
        return total * self.share

    @property
    def batches_of_rank(self) -> float:
        """Batches that this rank predicts; a batch does not reach from one partition into the next."""
        if not self.galaxies:
            return 0.0
        files = 1 if self.partitions is None else math.ceil(self.partitions / self.world_size)
        return files * math.ceil(self.galaxies_of_rank / files / self.batch_size)

    def features(self) -> dict[str, float]:
        """What each term's coefficient is multiplied with."""
        fill = min(self.batch_size, self.galaxies_of_rank)
        return {
            "serial": 1.0,
            "rank": float(self.world_size),
            "cold": float(self.cold) / min(1.0, self.cpus),
            "byte": self.bytes_of_rank,
            "galaxy": self.galaxies_of_rank / self.cpus,
            "batch": self.batches_of_rank / self.cpus,
            "spill": self.galaxies_of_rank * fill / self.cpus,
            "message": 1 + math.log2(self.world_size),
        }


@dataclass(frozen=True)
class Observation:
    """What was measured with some settings: seconds by part, or of the total where only that is known.

    ``group`` names the setting, so that cross-validation leaves out all its runs at once.
    """

    settings: Settings
    seconds: Mapping[str, float]
    group: str

    @property
    def total(self) -> float:
        """Seconds that were measured, all together."""
        return self.seconds.get(TOTAL, 0.0) or sum(self.seconds.values())


@dataclass(frozen=True)
class FitError:
    """Relative errors of the total, without sign: of the runs that were fitted, and of runs left out.

    The second is the one to believe: each setting predicted from the others. None with fewer than three.
    """

    fitted: float
    left_out: float | None
    worst: float

    def __str__(self) -> str:
        shown = f"off by {self.fitted:.0%} on the runs it was fitted to (worst {self.worst:.0%})"
        if self.left_out is None:
            return f"{shown}, too few settings to check it on others"
        return f"{shown}, by {self.left_out:.0%} on settings that it had not seen"


@dataclass(frozen=True)
class ScalingModel:
    """Coefficients by term, in seconds, and how well they describe what they were fitted to."""

    coefficients: Mapping[str, float]
    source: str
    """Where the coefficients come from, in words."""
    runs: int
    error: FitError
    cores: int | None = None
    """Cores that the runs shared; None for AWS."""

    def parts(self, settings: Settings) -> dict[str, float]:
        """Predicted seconds by part. They add up to the total."""
        features = settings.features()
        return {
            part: sum(self.coefficients[term] * features[term] for term in terms)
            for part, terms in PARTS.items()
        }

    def seconds(self, settings: Settings) -> float:
        """Predicted seconds of the whole execution."""
        return sum(self.parts(settings).values())

    def on_this_target(self, settings: Settings) -> Settings:
        """The same settings where the model's runs were made: on AWS, or on a machine with shared cores."""
        return replace(settings, cores=self.cores)


def fit(
    observations: Sequence[Observation], source: str, prior: Mapping[str, float] | None = None
) -> ScalingModel:
    """The model that describes these observations best.

    Raises :class:`~cosmic_fmi.experiment.errors.ModelError` when there are fewer than three runs or all have
    the same settings: a line through one point says nothing.
    """
    groups = sorted({item.group for item in observations})
    if len(observations) < FEWEST_RUNS or len(groups) < 2:
        raise ModelError(
            f"a model needs at least {FEWEST_RUNS} runs that succeeded, with 2 different settings, and there "
            f"are {len(observations)} with {len(groups)}: run more world sizes, or use the published figures"
        )
    prior = prior or dict.fromkeys(TERMS, 0.0)
    coefficients = _solve(observations, prior)
    errors = _errors(coefficients, observations)
    return ScalingModel(
        coefficients=coefficients,
        source=source,
        runs=len(observations),
        error=FitError(median(errors), _left_out(observations, groups, prior), max(errors)),
        cores=observations[0].settings.cores,
    )


def _solve(observations: Iterable[Observation], prior: Mapping[str, float]) -> dict[str, float]:
    rows, values = [], []
    for item in observations:
        features = item.settings.features()
        for part, seconds in item.seconds.items():
            terms = TERMS if part == TOTAL else PARTS[part]
            rows.append([features[term] / item.total if term in terms else 0.0 for term in TERMS])
            values.append(seconds / item.total)
    matrix = np.array(rows)
    # Columns of one size: bytes and galaxies differ by orders of magnitude, and so would rounding errors.
    scale = np.linalg.norm(matrix, axis=0)
    known = np.array([prior[term] for term in TERMS])
    scale[scale == 0] = 1.0
    pull = _PRIOR_WEIGHT * np.eye(len(TERMS))
    # SciPy loads half of itself here, at its first use: most of a second that no other command waits for.
    solved, _ = scipy.optimize.nnls(
        np.vstack([matrix / scale, pull]), np.concatenate([values, _PRIOR_WEIGHT * known * scale])
    )
    return dict(zip(TERMS, (solved / scale).tolist(), strict=True))


def _predicted(coefficients: Mapping[str, float], item: Observation) -> float:
    features = item.settings.features()
    parts = PARTS if TOTAL in item.seconds else item.seconds
    return sum(coefficients[term] * features[term] for part in parts for term in PARTS[part])


def _errors(coefficients: Mapping[str, float], observations: Iterable[Observation]) -> list[float]:
    return [abs(_predicted(coefficients, item) / item.total - 1) for item in observations]


def _left_out(
    observations: Sequence[Observation], groups: Sequence[str], prior: Mapping[str, float]
) -> float | None:
    """Median relative error of each setting's runs, predicted by a model that has seen only the others."""
    if len(groups) < 3:
        return None
    errors: list[float] = []
    for group in groups:
        seen = [item for item in observations if item.group != group]
        errors += _errors(_solve(seen, prior), (item for item in observations if item.group == group))
    return median(errors)
