"""Distances in a flat ΛCDM universe with H0 = 70 km/s/Mpc and a matter density of 0.3, in megaparsec.

Source: Hogg 1999, arXiv astro-ph/9905116. Good to one part in a thousand between redshifts 0.001 and 0.8.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HUBBLE_DISTANCE = 299_792.458 / 70.0
MATTER_DENSITY = 0.3
MAX_REDSHIFT = 0.8
ARCSECONDS_PER_RADIAN = 206_264.8


def _inverse_rate(redshift: Array) -> Array:
    """H0 over the expansion rate."""
    return np.asarray(1.0 / np.sqrt(MATTER_DENSITY * (1.0 + redshift) ** 3 + 1.0 - MATTER_DENSITY))


@cache
def _table() -> tuple[Array, Array]:
    redshift = np.linspace(0.0, MAX_REDSHIFT, 2001)
    rate = _inverse_rate(redshift)
    steps = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(redshift))])
    return redshift, HUBBLE_DISTANCE * steps


def comoving_distance(redshift: Array) -> Array:
    """Comoving distance in Mpc of redshifts up to 0.8."""
    return np.interp(redshift, *_table())


def distance_modulus(redshift: Array) -> Array:
    """Apparent minus absolute magnitude, without the K correction."""
    return np.asarray(5.0 * np.log10(comoving_distance(redshift) * (1.0 + redshift)) + 25.0)


def arcseconds_per_kiloparsec(redshift: Array) -> Array:
    """Apparent size of a kiloparsec."""
    return np.asarray(ARCSECONDS_PER_RADIAN * 1e-3 * (1.0 + redshift) / comoving_distance(redshift))


def volume_density(redshift: Array) -> Array:
    """Comoving volume per unit redshift and steradian, in Mpc³."""
    return HUBBLE_DISTANCE * comoving_distance(redshift) ** 2 * _inverse_rate(redshift)
