"""Broad-band fluxes of galaxies: spectra of four types, redshifted through the SDSS ugriz bands.

Wavelengths are in ångström, fluxes in nanomaggies (22.5 mag is one nanomaggie). The curves are in
atlas.json, which `scripts/make_atlas.py` writes and describes: SDSS responses of Doi et al. 2010, spectra of
Coleman, Wu & Weedman 1980. Dust follows the attenuation law of Calzetti et al. 2000 (ApJ 533, 682).
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BANDS = "ugriz"
TYPES = ("E", "Sbc", "Scd", "Im")
ATLAS = Path(__file__).parent / "atlas.json"

REDSHIFT_GRID = np.linspace(0.0, 0.72, 145)
REST = np.arange(1700.0, 11_300.0, 5.0)


@cache
def _atlas() -> dict[str, dict[str, dict[str, list[float]]]]:
    loaded: dict[str, dict[str, dict[str, list[float]]]] = json.loads(ATLAS.read_text())
    return loaded


@cache
def template(kind: str) -> Array:
    """Rest-frame flux density per wavelength of one of `TYPES` on the grid `REST`, one at 5500 Å."""
    curve = _atlas()["spectra"][kind]
    return np.asarray(np.exp(np.interp(REST, curve["angstrom"], np.log(curve["value"]))))


def transmission(wavelength: Array) -> Array:
    """Response of the five bands, one at its maximum, at observed wavelengths [L]: [5, L]."""
    curves = [_atlas()["bands"][band] for band in BANDS]
    return np.stack([np.interp(wavelength, c["angstrom"], c["value"], left=0.0, right=0.0) for c in curves])


@cache
def band_centres() -> Array:
    """Photon-weighted mean wavelength of each band, [5]."""
    wavelength = np.arange(2900.0, 11_200.0, 5.0)
    weight = transmission(wavelength)
    return np.asarray((weight * wavelength).sum(axis=1) / weight.sum(axis=1))


def attenuation(wavelength: Array) -> Array:
    """Calzetti's k(λ) in magnitudes per unit E(B-V), at rest-frame wavelengths in ångström."""
    micron = np.clip(wavelength, 1200.0, 22_000.0) / 1e4
    red = 2.659 * (-1.857 + 1.040 / micron) + 4.05
    blue = 2.659 * (-2.156 + 1.509 / micron - 0.198 / micron**2 + 0.011 / micron**3) + 4.05
    return np.where(micron >= 0.63, red, blue)


def band_attenuation(redshift: Array) -> Array:
    """k at the rest-frame wavelength that each band sees at redshifts [N]: [N, 5]."""
    return attenuation(band_centres() / (1.0 + redshift[:, None]))


@cache
def band_table() -> Array:
    """Photon-weighted band fluxes of every type over `REDSHIFT_GRID`: [redshifts, types, 5].

    In units of the type's flux in the rest-frame r band, so that an absolute r magnitude, the distance
    modulus and an entry give an apparent flux (the K correction of Hogg et al. 2002, arXiv astro-ph/0210394,
    included).
    """
    spectra = np.stack([template(kind) for kind in TYPES])
    rest_r = _band_fluxes(spectra, 0.0)[:, 2]
    table = np.stack([_band_fluxes(spectra, float(z)) for z in REDSHIFT_GRID])
    return np.asarray(table / rest_r[:, None])


def _band_fluxes(spectra: Array, redshift: float) -> Array:
    """AB flux of spectra [T, L] in each band, [T, 5]: photons counted against a source flat in frequency."""
    observed = REST * (1.0 + redshift)
    through = transmission(observed) * observed
    reference = (transmission(observed) / observed).sum(axis=1)
    return np.asarray((spectra @ through.T) / reference / (1.0 + redshift))


def band_fluxes(redshift: Array) -> Array:
    """Entries of `band_table` at redshifts [N] up to 0.72: [N, types, 5]."""
    place = np.clip(redshift / REDSHIFT_GRID[1], 0, len(REDSHIFT_GRID) - 1.000001)
    low = place.astype(int)
    part = (place - low)[:, None, None]
    table = band_table()
    return np.asarray(table[low] * (1 - part) + table[low + 1] * part)
