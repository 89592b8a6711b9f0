"""What makes a galaxy unusable or doubtful: one set of rules for preparing, predicting and training.

- Pixels that are not finite.
- Photometry that is missing: a magnitude that is not finite or at least 90 in size. Surveys mark what was not
  measured with such numbers: -9999 in SDSS, 99 and -99 in SExtractor's catalogues.
- A redshift that is impossible: infinite, below -0.01 or above 20. No galaxy is known beyond a blueshift of
  0.003 or a redshift of 15. A redshift that is unknown (NaN, or a mark such as -999 or -9999) is no fault.
- Pixels or magnitudes outside what the model was trained on, where the model says what that was.
- A prediction that is no redshift: not finite, -1 or less, or above 20.
- A galaxy that came before, by its id or by its magnitudes and pixels.
"""

from collections.abc import Mapping
from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.galaxies import Galaxies
from inference.core.training_range import TrainingRange

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.int32]
Rows = npt.NDArray[np.bool_]

SENTINEL = 90.0
MIN_REDSHIFT, MAX_REDSHIFT = -0.01, 20.0


class Flag(IntFlag):
    """Bits of a galaxy's `flags`."""

    PIXELS = 1
    PHOTOMETRY = 2
    PIXEL_RANGE = 4
    MAGNITUDE_RANGE = 8
    PREDICTION = 16
    REDSHIFT = 32
    REPEATED = 64


TEXTS: Mapping[Flag, str] = {
    Flag.PIXELS: "pixels that are not finite",
    Flag.PHOTOMETRY: "missing photometry",
    Flag.PIXEL_RANGE: "pixels outside the training range",
    Flag.MAGNITUDE_RANGE: "magnitudes outside the training range",
    Flag.PREDICTION: "no possible prediction",
    Flag.REDSHIFT: "impossible redshift, taken as unknown",
    Flag.REPEATED: "repeats a galaxy that came before",
}
"""What results call each bit."""

UNUSABLE = Flag.PIXELS | Flag.PHOTOMETRY
"""A network's answer to such a galaxy means nothing."""
OUTSIDE = Flag.PIXEL_RANGE | Flag.MAGNITUDE_RANGE


def flags(galaxies: Galaxies, known: TrainingRange | None = None) -> Flags:
    """The bits that hold for each galaxy before it is predicted, int32 [N]; `known` is the model's."""
    least, most = pixel_extremes(galaxies.image)
    found = np.zeros(len(galaxies), np.int32)
    found[~(np.isfinite(least) & np.isfinite(most)).all(axis=1)] |= Flag.PIXELS
    found[missing(galaxies.magnitude)] |= Flag.PHOTOMETRY
    found[impossible(galaxies.redshift)] |= Flag.REDSHIFT
    if known is not None:
        usable = (found & UNUSABLE) == 0
        found[usable & known.pixels_outside(least, most)] |= Flag.PIXEL_RANGE
        found[usable & known.magnitudes_outside(galaxies.magnitude)] |= Flag.MAGNITUDE_RANGE
    return found


def pixel_extremes(image: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """The smallest and the largest pixel of each image and band, [N, 5]; NaN where one is NaN."""
    pixels = image.reshape(*image.shape[:2], -1)
    with np.errstate(invalid="ignore"):
        return pixels.min(axis=2), pixels.max(axis=2)


def missing(magnitude: Floats) -> Rows:
    """Galaxies [N] with magnitudes [N, 5] of which at least one was not measured."""
    return np.asarray(~(np.abs(magnitude) < SENTINEL).all(axis=1))


def known_redshift(redshift: Floats) -> npt.NDArray[np.float64]:
    """Redshifts [N] with NaN for every mark that stands for an unknown one."""
    marked = np.isfinite(redshift) & (np.abs(redshift) >= SENTINEL)
    return np.where(marked, np.nan, redshift).astype(np.float64)


def impossible(redshift: Floats) -> Rows:
    """Redshifts [N] that no galaxy has; an unknown one (NaN) is not among them."""
    return np.asarray((redshift < MIN_REDSHIFT) | (redshift > MAX_REDSHIFT))


def impossible_prediction(redshift: Floats) -> Rows:
    """Predictions [N] that are no redshift: they scatter around 0, but -1 is a light from nowhere."""
    return np.asarray(~((redshift > -1) & (redshift <= MAX_REDSHIFT)))


def counts(found: Flags) -> dict[str, int]:
    """How many galaxies have each bit, under its name; bits that none has are left out."""
    numbers = {text: int(((found & flag) != 0).sum()) for flag, text in TEXTS.items()}
    return {text: number for text, number in numbers.items() if number}
