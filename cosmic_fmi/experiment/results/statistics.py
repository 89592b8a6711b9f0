"""Medians with confidence intervals, and ratios of medians, by the bootstrap.

The percentile bootstrap (Efron, 1979) draws as many values as there are, with replacement, many times, and
takes the middle 95 % of the medians. With two or three runs that is hardly more than their range, which is
honest: so few runs do not say more. One run has no interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

DRAWS = 4000
LEVEL = 0.95
_SEED = 20_261  # the same results give the same report

Sample = Sequence[float]


@dataclass(frozen=True)
class Estimate:
    """A value with the interval that holds it 95 times in 100; both ends are the value itself for one run."""

    value: float
    low: float
    high: float
    runs: int

    @property
    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """Both ends, as a table shows them: a single run has none, where its value twice would look sure."""
        return (self.low, self.high) if self.runs > 1 else (None, None)

    @property
    def error_bar(self) -> tuple[float, float]:
        """How far the interval reaches below and above the value, as matplotlib wants it."""
        return self.value - self.low, self.high - self.value


def median(values: Sample) -> Estimate:
    """The median of at least one value."""
    return _estimate([values], np.median)


def ratio(numerator: Sample, denominator: Sample) -> Estimate:
    """Median of the first by median of the second; both need at least one value, the second above zero."""
    return pooled_ratio([(numerator, denominator)])


def pooled_ratio(pairs: Sequence[tuple[Sample, Sample]]) -> Estimate:
    """The geometric mean of the ratios of several pairs of samples; each sample is drawn from on its own."""

    def mean(*samples: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
        logs = [np.log(np.median(sample, axis=axis)) for sample in samples]
        return np.asarray(np.exp((sum(logs[0::2]) - sum(logs[1::2])) / len(pairs)))

    return _estimate([sample for pair in pairs for sample in pair], mean)


def _estimate(samples: Sequence[Sample], statistic: Callable[..., npt.NDArray[np.float64]]) -> Estimate:
    """``statistic`` of the samples, and of each drawn from many times."""
    value = float(statistic(*map(np.asarray, samples), axis=-1))
    runs = min(len(sample) for sample in samples)
    if runs < 2:  # of a ratio too, however many runs the other side has: this side's noise is not known
        return Estimate(value, value, value, runs)
    # SciPy loads its statistics here, at their first use: most of a second that no other command waits for.
    drawn = scipy.stats.bootstrap(
        samples, statistic, n_resamples=DRAWS, confidence_level=LEVEL, method="percentile", rng=_SEED
    )
    low, high = drawn.confidence_interval
    # Rounding must not put the value itself outside.
    return Estimate(value, min(value, float(low)), max(value, float(high)), runs)
