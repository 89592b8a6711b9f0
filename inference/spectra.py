"""Broad-band magnitudes of galaxies: analytic template spectra, redshifted through the SDSS bands.

Wavelengths are in ångström, fluxes in nanomaggies (22.5 mag is one nanomaggie), distances in megaparsec.
Constants:
- bands: effective wavelength and width of ugriz, Fukugita et al. 1996 (AJ 111, 1748) and the SDSS camera
  page;
- 4000 Å break and line list: Kennicutt 1992 (ApJS 79, 255), rounded;
- dust: the starburst attenuation law of Calzetti et al. 2000 (ApJ 533, 682);
- cosmology: flat ΛCDM with H0 = 70 km/s/Mpc and a matter density of 0.3.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BANDS = "ugriz"
BAND_CENTRES = np.array([3551.0, 4686.0, 6166.0, 7480.0, 8932.0])
BAND_WIDTHS = np.array([599.0, 1379.0, 1382.0, 1535.0, 1370.0])
EMISSION_LINES = ((3727.0, 1.0), (4861.0, 0.35), (4959.0, 0.3), (5007.0, 0.9), (6563.0, 1.1), (6725.0, 0.35))
"""Wavelength and relative strength of [O II], H-beta, [O III] (two), H-alpha with [N II], [S II]."""

HUBBLE_DISTANCE = 299_792.458 / 70.0
MATTER_DENSITY = 0.3
REDSHIFT_GRID = np.linspace(0.0, 0.8, 161)
REST = np.linspace(1800.0, 11_000.0, 4601)

TEMPLATES = ("elliptical", "spiral", "starburst")


def template(kind: str) -> Array:
    """Rest-frame flux density per wavelength on the grid `REST`, one at 5500 Å."""
    old = _continuum(temperature=4600.0, break_depth=0.55, ultraviolet=0.004)
    young = (REST / 5500.0) ** -2.1 * np.where(REST < 3646.0, 0.75, 1.0)
    spectrum = {
        "elliptical": old,
        "spiral": 0.62 * old + 0.38 * young + 0.9 * _lines(20.0),
        "starburst": 0.22 * old + 0.78 * young + _lines(60.0),
    }[kind]
    return np.asarray(spectrum / np.interp(5500.0, REST, spectrum))


def _continuum(temperature: float, break_depth: float, ultraviolet: float) -> Array:
    """A black body, held back blueward of 4000 Å, with the broad Mg and Na absorption of old stars."""
    body = REST**-5.0 / np.expm1(1.43878e8 / (REST * temperature))
    body = body / np.interp(5500.0, REST, body)
    step = 1.0 / (1.0 + np.exp(-(REST - 3950.0) / 45.0))
    blanketing = 1.0 - break_depth * (1.0 - step)
    for centre, depth, width in (
        (3950.0, 0.25, 30.0),
        (4304.0, 0.12, 25.0),
        (5175.0, 0.12, 45.0),
        (5893.0, 0.06, 20.0),
    ):
        blanketing = blanketing * (1.0 - depth * np.exp(-0.5 * ((REST - centre) / width) ** 2))
    return np.asarray(body * blanketing + ultraviolet * (REST / 2500.0) ** -1.0)


def _lines(equivalent_width: float, sigma: float = 8.0) -> Array:
    """Emission lines whose strongest has about `equivalent_width` Å against a continuum of one."""
    lines = np.zeros_like(REST)
    for centre, strength in EMISSION_LINES:
        lines += strength * np.exp(-0.5 * ((REST - centre) / sigma) ** 2)
    return np.asarray(lines * equivalent_width / (sigma * np.sqrt(2 * np.pi)))


def transmission(wavelength: Array) -> Array:
    """Throughput of the five bands at observed wavelengths [L]: [5, L], flat-topped Gaussians."""
    offset = (wavelength - BAND_CENTRES[:, None]) / (BAND_WIDTHS[:, None] / 2.0)
    return np.asarray(np.exp(-np.log(2.0) * offset**6))


def attenuation(wavelength: Array) -> Array:
    """Calzetti's k(λ) in magnitudes per unit E(B-V), at rest-frame wavelengths in ångström."""
    micron = np.clip(wavelength, 1200.0, 22_000.0) / 1e4
    red = 2.659 * (-1.857 + 1.040 / micron) + 4.05
    blue = 2.659 * (-2.156 + 1.509 / micron - 0.198 / micron**2 + 0.011 / micron**3) + 4.05
    return np.where(micron >= 0.63, red, blue)


@cache
def band_table() -> Array:
    """Photon-weighted band fluxes of every template over `REDSHIFT_GRID`: [templates, redshifts, 5].

    In units of the template's flux in the rest-frame r band, so that an absolute r magnitude, the distance
    modulus and an entry give an apparent flux (the K correction of Hogg et al. 2002, arXiv astro-ph/0210394,
    included).
    """
    spectra = np.stack([template(kind) for kind in TEMPLATES])
    rest_r = _band_fluxes(spectra, 0.0)[:, 2]
    table = np.stack([_band_fluxes(spectra, float(z)) for z in REDSHIFT_GRID], axis=1)
    return np.asarray(table / rest_r[:, None, None])


def _band_fluxes(spectra: Array, redshift: float) -> Array:
    """AB flux of spectra [T, L] in each band, [T, 5]: photons counted against a source flat in frequency."""
    observed = REST * (1.0 + redshift)
    through = transmission(observed) * observed
    reference = (transmission(observed) / observed).sum(axis=1)
    return np.asarray((spectra @ through.T) / reference / (1.0 + redshift))


@cache
def distance_table() -> Array:
    """Comoving distance in Mpc over `REDSHIFT_GRID`."""
    fine = np.linspace(0.0, REDSHIFT_GRID[-1], 8001)
    rate = 1.0 / np.sqrt(MATTER_DENSITY * (1.0 + fine) ** 3 + 1.0 - MATTER_DENSITY)
    steps = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(fine))])
    return np.interp(REDSHIFT_GRID, fine, HUBBLE_DISTANCE * steps)


def comoving_distance(redshift: Array) -> Array:
    """Comoving distance in Mpc of redshifts up to 0.8."""
    return np.interp(redshift, REDSHIFT_GRID, distance_table())


def distance_modulus(redshift: Array) -> Array:
    """Apparent minus absolute magnitude, without the K correction."""
    return np.asarray(5.0 * np.log10(comoving_distance(redshift) * (1.0 + redshift)) + 25.0)


def band_fluxes(redshift: Array) -> Array:
    """Entries of `band_table` at any redshifts [N]: [N, templates, 5]."""
    place = np.clip(redshift / REDSHIFT_GRID[1], 0, len(REDSHIFT_GRID) - 1.000001)
    low = place.astype(int)
    part = (place - low)[:, None, None]
    table = band_table().transpose(1, 0, 2)
    return np.asarray(table[low] * (1 - part) + table[low + 1] * part)
