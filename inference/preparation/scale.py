"""The scale of magnitudes, from the training part alone: what the other parts say must not leak into it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError

Floats = npt.NDArray[np.float64]


FEWEST = 2
"""Galaxies that give a scale, at least."""


def deviations(numbers: npt.NDArray[np.floating], axis: tuple[int, ...]) -> Floats:
    """Standard deviations along `axis`, as what to divide by: one where the numbers do not vary.

    A band that was not observed may be filled with one number. Rounding would give that a tiny deviation.
    """
    varies = numbers.max(axis) > numbers.min(axis)
    return np.asarray(np.where(varies, numbers.std(axis), 1.0), np.float64)


@dataclass(frozen=True)
class MagnitudeScale:
    """Mean and standard deviation [5] of `count` galaxies' magnitudes, by band."""

    mean: Floats
    deviation: Floats
    count: int

    @classmethod
    def of(cls, magnitude: Floats) -> "MagnitudeScale":
        """Measure magnitudes [N, 5]; the scale of a band that does not vary is one.

        Raises DataError when they are too few.
        """
        if len(magnitude) < FEWEST:
            raise DataError(
                f"{len(magnitude)} galaxies in the training part do not give magnitudes a scale: "
                "give more data, or a larger share to training."
            )
        return cls(magnitude.mean(axis=0), deviations(magnitude, (0,)), len(magnitude))

    @classmethod
    def read(cls, path: Path) -> "MagnitudeScale":
        """From the normalisation.json of an earlier preparation. Raises DataError when it is none."""
        try:
            found = json.loads(path.read_text())
            mean, deviation = (np.array(found[f"magnitude_{name}"], float) for name in ("mean", "scale"))
            if mean.shape != (5,) or deviation.shape != (5,) or not (deviation > 0).all():
                raise ValueError("not five means and five scales")
            return cls(mean, deviation, int(found["galaxies"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: is not the normalisation.json of a preparation ({error}).") from error

    def apply(self, magnitude: Floats) -> Floats:
        """Magnitudes [N, 5] with mean 0 and deviation 1 over the training part."""
        return (magnitude - self.mean) / self.deviation

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, under the names that a checkpoint's metadata has too."""
        return {
            "magnitude_mean": self.mean.tolist(),
            "magnitude_scale": self.deviation.tolist(),
            "galaxies": self.count,
        }
