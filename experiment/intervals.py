"""Medians with confidence intervals, and ratios of medians, by the bootstrap.

The percentile bootstrap (Efron, 1979): draw as many values as there are, with replacement, many times, and
take the middle 95 % of the medians. With two or three runs that is hardly more than their range, which is
honest: so few runs do not say more. One run has no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRAWS = 4000
LEVEL = 0.95
_SEED = 20_261  # the same results give the same report


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


def median(values: Sequence[float]) -> Estimate:
    """The median of at least one value."""
    found = np.asarray(values, dtype=float)
    return _estimate(float(np.median(found)), _medians(found, np.random.default_rng(_SEED)), len(found))


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Estimate:
    """Median of the first by median of the second; both need at least one value, the second above zero."""
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    drawn = np.random.default_rng(_SEED)
    ratios = _medians(top, drawn) / _medians(bottom, drawn)
    return _estimate(float(np.median(top) / np.median(bottom)), ratios, min(len(top), len(bottom)))


def pooled_ratio(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Estimate:
    """The geometric mean of the ratios of several pairs of samples; each sample is drawn from on its own."""
    drawn = np.random.default_rng(_SEED)
    logs = np.zeros(DRAWS)
    value = 0.0
    for top, bottom in pairs:
        first, second = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
        logs += np.log(_medians(first, drawn) / _medians(second, drawn)) / len(pairs)
        value += float(np.log(np.median(first) / np.median(second))) / len(pairs)
    runs = min(min(len(top), len(bottom)) for top, bottom in pairs)
    return _estimate(float(np.exp(value)), np.exp(logs), runs)


def _medians(values: npt.NDArray[np.float64], drawn: np.random.Generator) -> npt.NDArray[np.float64]:
    picks = drawn.integers(0, len(values), (DRAWS, len(values)))
    return np.asarray(np.median(values[picks], axis=1))


def _estimate(value: float, resampled: npt.NDArray[np.float64], runs: int) -> Estimate:
    if runs < 2:  # of a ratio too, however many runs the other side has: this side's noise is not known
        return Estimate(value, value, value, runs)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # Rounding in a division must not put the value itself outside.
    return Estimate(value, min(value, float(low)), max(value, float(high)), runs)
