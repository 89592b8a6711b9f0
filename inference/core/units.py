"""Whether numbers are in the units that the network takes: magnitudes, and pixels in nanomaggies.

Nothing in an array says its unit, but a galaxy's magnitudes and pixels measure the same light.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError

Floats = npt.NDArray[np.floating[Any]]

BRIGHTEST, FAINTEST = 5.0, 35.0
"""Magnitudes of galaxies in catalogues lie between."""
NORMALISED = 10.0
"""Normalised magnitudes, which `cosmic-fmi data prepare --normalise` makes, are smaller."""
ZERO_POINT = 22.5
"""Magnitude of a nanomaggy (SDSS)."""
FEWEST = 10
"""With fewer galaxies, one strange one could stand for all."""
APART = 40.0
"""Light of the image over that of the magnitudes, or the other way, that no aperture or seeing explains.

SDSS's counts are 100 to 250 to the nanomaggy.
"""
SOFTENING = np.array([1.4e-10, 0.9e-10, 1.2e-10, 1.8e-10, 7.4e-10])
"""Of SDSS's asinh magnitudes, by band, in maggies (Lupton et al. 1999, AJ 118, 1406)."""


def asinh_magnitudes(nanomaggies: Floats) -> npt.NDArray[np.float64]:
    """SDSS's magnitudes of fluxes [..., 5]: finite also where the measured flux is negative."""
    ratio = np.asarray(nanomaggies, np.float64) * 1e-9 / (2 * SOFTENING)
    return np.asarray(-2.5 / np.log(10) * (np.arcsinh(ratio) + np.log(SOFTENING)))


def check_magnitudes(magnitude: Floats, name: str) -> None:
    """Refuse magnitudes [N, 5] whose numbers are fluxes; normalised ones may be what a model takes.

    Raises DataError with what the numbers look like. Nothing is said of fewer galaxies than `FEWEST`.
    """
    numbers = magnitude[_measured(magnitude)]
    if len(numbers) < FEWEST or _are_magnitudes(numbers) or _are_normalised(numbers):
        return
    middle = ", ".join(f"{one:.3g}" for one in np.median(numbers, axis=0))
    raise DataError(
        f"{name}: its magnitudes are no magnitudes: in u, g, r, i, z they are {middle} in the middle. If "
        "they are fluxes in nanomaggies, say so with `cosmic-fmi data prepare --magnitude-unit nanomaggy`."
    )


def check_pixels(image: Floats, magnitude: Floats, name: str) -> None:
    """Refuse images [N, 5, S, S] that hold much more light than their magnitudes [N, 5] say, or much less.

    Raises DataError with the ratio. Nothing is said of fewer galaxies than `FEWEST`, or of numbers that are
    no magnitudes.
    """
    usable = _measured(magnitude)
    if usable.sum() < FEWEST or not _are_magnitudes(magnitude[usable]):
        return
    with np.errstate(all="ignore"):
        light = image[usable].sum(axis=(2, 3), dtype=np.float64)
        light /= 10 ** (0.4 * (ZERO_POINT - magnitude[usable]))
    light = light[np.isfinite(light).all(axis=1)]
    ratio = float(np.median(light[:, 1:4])) if len(light) >= FEWEST else 1.0  # u and z are the noisiest
    if ratio > APART or 0 < ratio < 1 / APART:
        raise DataError(
            f"{name}: its images hold {ratio:.3g} times the light of its magnitudes: their pixels are not in "
            "nanomaggies. Give the nanomaggies of a unit with --pixel-scale (of a count: the header's "
            "NMGY, or 10^(0.4 (22.5 - zero point))), or --trust-pixels for a model of yours that takes these."
        )


def _measured(magnitude: Floats) -> npt.NDArray[np.bool_]:
    """Galaxies [N] without marks for what was not measured, among numbers that may be fluxes."""
    return np.asarray(((np.abs(magnitude) < 9000) & (np.abs(np.abs(magnitude) - 99) > 1e-3)).all(axis=1))


def _are_magnitudes(magnitude: Floats) -> bool:
    return bool(((magnitude > BRIGHTEST) & (magnitude < FAINTEST)).all(axis=1).mean() >= 0.5)


def _are_normalised(magnitude: Floats) -> bool:
    return bool((np.abs(magnitude) < NORMALISED).mean() > 0.99)
