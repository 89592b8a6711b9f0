"""How good predicted redshifts are, with the definitions of the AstroMAE paper (arXiv 2409.01825).

With dz = (z_pred - z) / (1 + z): bias = mean(dz), precision = NMAD = 1.48 · median|dz - median(dz)|. MAE,
MSE and R² are of z_pred - z itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

NMAD_FACTOR = 1.48
ROUNDING = 1e-13
"""Redshifts that differ by less, relatively, are the same: this is far above the rounding of their mean."""


@dataclass(frozen=True)
class Metrics:
    """Figures of merit over `num_samples` galaxies; None where undefined (no samples, no variance)."""

    mae: float | None
    mse: float | None
    bias: float | None
    precision: float | None
    r2: float | None
    num_samples: int

    def as_dict(self) -> dict[str, float | int | None]:
        """The figures under the course's names."""
        return {
            "MAE": self.mae,
            "MSE": self.mse,
            "Bias": self.bias,
            "Precision": self.precision,
            "R2": self.r2,
            "num_samples": self.num_samples,
        }

    def __str__(self) -> str:
        shown = (f"{name} {value:.4f}" for name, value in self.as_dict().items() if isinstance(value, float))
        return ", ".join([*shown, f"{self.num_samples} samples"])


@dataclass(frozen=True)
class Residuals:
    """Errors of the galaxies whose true redshift is known."""

    truth: Array
    error: Array

    @classmethod
    def of(cls, predicted: Array, truth: Array) -> "Residuals":
        """Compare predicted and true redshifts [N].

        Left out are rows with an unknown (NaN) truth, and rows for which the network gave no finite number:
        `results.Predictions.failed` has those.
        """
        known = ~np.isnan(truth) & np.isfinite(predicted)
        return cls(truth[known], predicted[known] - truth[known])

    @property
    def scaled(self) -> Array:
        """dz, the error over 1 + z."""
        return self.error / (1.0 + self.truth)

    def sums(self) -> list[float]:
        """Count, Σz, Σ|error|, Σerror², Σdz: what adds up over ranks."""
        parts = (self.truth, np.abs(self.error), self.error**2, self.scaled)
        return [float(len(self.truth)), *(float(part.sum()) for part in parts)]

    def spread(self, mean: float) -> float:
        """Σ(z - mean)²."""
        return float(((self.truth - mean) ** 2).sum())


def nmad(scaled: Array) -> float:
    """Normalised median absolute deviation of dz [N], N ≥ 1."""
    return float(NMAD_FACTOR * np.median(np.abs(scaled - np.median(scaled))))


def from_sums(sums: list[float], spread: float, precision: float | None) -> Metrics:
    """Metrics from `Residuals.sums`, `Residuals.spread` and the NMAD of all galaxies together."""
    count, total, absolute, squared, scaled = sums
    if count == 0:
        return Metrics(None, None, None, None, None, 0)
    # Of equal redshifts the mean is rounded, and so leaves a spread.
    r2 = 1.0 - squared / spread if spread > count * (ROUNDING * total / count) ** 2 else None
    return Metrics(absolute / count, squared / count, scaled / count, precision, r2, int(count))


def measure(predicted: Array, truth: Array) -> Metrics:
    """Metrics of predicted [N] against true redshifts [N] (NaN where unknown)."""
    residuals = Residuals.of(predicted, truth)
    sums = residuals.sums()
    if sums[0] == 0:
        return from_sums(sums, 0.0, None)
    return from_sums(sums, residuals.spread(sums[1] / sums[0]), nmad(residuals.scaled))
