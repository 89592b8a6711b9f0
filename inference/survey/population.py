"""Which galaxies a survey like SDSS takes spectra of: redshift, luminosity, type, shape and true fluxes.

Galaxies are drawn from a luminosity function in a comoving volume, and kept if the targeting rules choose
them. Sources:
- luminosity function and its evolution in r: Blanton et al. 2003 (ApJ 592, 819), with h = 0.7;
- sizes: Shen et al. 2003 (MNRAS 343, 978), table 1, figure 4 and equations 14 to 16;
- main galaxy sample: Strauss et al. 2002 (AJ 124, 1810); LOWZ and CMASS: Reid et al. 2016 (MNRAS 455, 1553).
The red share of galaxies, their bulges and their dust are round numbers that give the colours of the sky.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from inference.survey import cosmology, spectra

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

MIN_REDSHIFT, MAX_REDSHIFT = 0.01, 0.7
CHARACTERISTIC_MAGNITUDE, FAINT_SLOPE, EVOLUTION = -21.21, -1.05, 1.62
"""Schechter's M* in r at redshift 0.1 and slope, and by how much M* brightens per unit redshift."""
BRIGHTEST, FAINTEST = -25.0, -15.0

MAIN_LIMIT = 17.77
SHARES = {"main": 0.45, "lowz": 0.2, "cmass": 0.35}
"""Parts of the survey, about as SDSS took them: the main sample, nearer and farther luminous red galaxies."""
THINNEST_DISC = 0.2
"""Thickness over diameter of a disc seen from its edge."""


@dataclass(frozen=True)
class Population:
    """N galaxies before they are observed.

    redshift, luminosity (absolute r magnitude), bulge_size and disc_size (half-light radii along the major
    axis in kiloparsec), bulge_axis_ratio and disc_axis_ratio are [N]; bulge_flux and disc_flux, in
    nanomaggies through u, g, r, i, z, are [N, 5].
    """

    redshift: Array
    luminosity: Array
    bulge_size: Array
    disc_size: Array
    bulge_axis_ratio: Array
    disc_axis_ratio: Array
    bulge_flux: Array
    disc_flux: Array

    def __getitem__(self, rows: Rows | slice | npt.NDArray[np.int64]) -> "Population":
        """Some of the galaxies."""
        return Population(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def flux(self) -> Array:
        """Total fluxes, [N, 5]."""
        return self.bulge_flux + self.disc_flux


def draw(random: np.random.Generator, count: int) -> Population:
    """`count` galaxies of the survey, the two samples mixed."""
    counts = random.multinomial(count, list(SHARES.values()))
    parts = [_chosen(random, int(n), SAMPLES[name]) for name, n in zip(SHARES, counts, strict=True)]
    return _joined(parts)[random.permutation(count)]


def in_main(flux: Array) -> Rows:
    """Galaxies [N] with fluxes [N, 5] that the main sample takes: bright in r."""
    return magnitudes(flux)[:, 2] < MAIN_LIMIT


def in_lowz(flux: Array) -> Rows:
    """Galaxies [N] with fluxes [N, 5] that LOWZ takes: luminous red ones below redshift 0.4."""
    r, g_r, r_i = _colours(flux)
    along, across = 0.7 * g_r + 1.2 * (r_i - 0.18), r_i - g_r / 4 - 0.18
    return (np.abs(across) < 0.2) & (r < 13.5 + along / 0.3) & (r > 16.0) & (r < 19.6)


def in_cmass(flux: Array) -> Rows:
    """Galaxies [N] with fluxes [N, 5] that CMASS takes: luminous ones, mostly red, above redshift 0.4."""
    r, g_r, r_i = _colours(flux)
    i, beyond = r - r_i, r_i - g_r / 8
    return (beyond > 0.55) & (i < 19.86 + 1.6 * (beyond - 0.8)) & (i > 17.5) & (i < 19.9) & (r_i < 2.0)


def _colours(flux: Array) -> tuple[Array, Array, Array]:
    """r, g-r and r-i of fluxes [N, 5]."""
    magnitude = magnitudes(flux)
    return magnitude[:, 2], magnitude[:, 1] - magnitude[:, 2], magnitude[:, 2] - magnitude[:, 3]


def magnitudes(flux: Array) -> Array:
    """Ordinary magnitudes of positive fluxes in nanomaggies."""
    return 22.5 - 2.5 * np.log10(flux)


@dataclass(frozen=True)
class Sample:
    """How one of the survey's samples is chosen.

    `rule` takes galaxies by their fluxes. It takes none outside the redshifts `nearest` to `farthest`, and
    next to none fainter than `reach` there, so that few are drawn in vain.
    """

    rule: Callable[[Array], Rows]
    nearest: float
    farthest: float
    limit: float
    slope: float

    def reach(self, redshift: Array) -> Array:
        """The faintest absolute r magnitude worth drawing: r + K < limit + slope z, apparent."""
        return np.asarray(self.limit + self.slope * redshift - cosmology.distance_modulus(redshift))


SAMPLES = {
    "main": Sample(in_main, MIN_REDSHIFT, 0.45, MAIN_LIMIT, 0.0),
    "lowz": Sample(in_lowz, MIN_REDSHIFT, 0.5, 16.9, 5.5),
    "cmass": Sample(in_cmass, 0.4, MAX_REDSHIFT, 20.4, -1.0),
}


def _chosen(random: np.random.Generator, count: int, sample: Sample) -> Population:
    """Draw until `count` galaxies pass the sample's rule."""
    found: list[Population] = []
    missing = count
    while missing > 0:
        redshift, luminosity = _draw_luminosities(random, 4 * count, sample)
        drawn = _furnish(random, redshift, luminosity)
        found.append(drawn[sample.rule(drawn.flux)])
        missing -= len(found[-1].redshift)
    return _joined(found)[:count]


def _joined(parts: list[Population]) -> Population:
    return Population(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Population)))


def _draw_luminosities(random: np.random.Generator, count: int, sample: Sample) -> tuple[Array, Array]:
    """Redshifts and absolute magnitudes [count] of galaxies within the sample's reach."""
    redshift = np.linspace(sample.nearest, sample.farthest, 400)
    excess = np.linspace(BRIGHTEST, FAINTEST, 800) - CHARACTERISTIC_MAGNITUDE
    ratio = 10 ** (-0.4 * excess)
    brighter = np.cumsum(ratio ** (FAINT_SLOPE + 1) * np.exp(-ratio))

    def seen(z: Array) -> Array:
        """Galaxies per volume above the limit."""
        return np.interp(sample.reach(z) + EVOLUTION * (z - 0.1) - CHARACTERISTIC_MAGNITUDE, excess, brighter)

    cumulative = np.cumsum(seen(redshift) * cosmology.volume_density(redshift))
    drawn = np.interp(random.random(count), cumulative / cumulative[-1], redshift)
    below = np.interp(random.random(count) * seen(drawn), brighter, excess)
    return drawn, CHARACTERISTIC_MAGNITUDE + below - EVOLUTION * (drawn - 0.1)


def _furnish(random: np.random.Generator, redshift: Array, luminosity: Array) -> Population:
    """Give galaxies of known redshift and luminosity a type, shapes and fluxes."""
    count = len(redshift)
    share = _draw_bulge_shares(random, luminosity + EVOLUTION * (redshift - 0.1))
    inclination = random.random(count) ** 2
    disc_axis_ratio = np.sqrt(inclination * (1 - THINNEST_DISC**2) + THINNEST_DISC**2)
    bulge_axis_ratio = random.uniform(0.55, 1.0, count)
    bulge_size, disc_size = _draw_sizes(random, luminosity, share)
    table = spectra.band_fluxes(redshift)
    total = 10 ** (0.4 * (22.5 - luminosity - cosmology.distance_modulus(redshift)))
    # Stars of different ages and metallicities tilt a spectrum a little, whatever its type.
    tilt = random.normal(0.0, 0.03, count)[:, None] * np.log2(spectra.band_centres() / 6166.0)
    dust = _draw_reddening(random, disc_axis_ratio) * spectra.band_attenuation(redshift)
    bulge = _draw_bulge_spectra(random, table)
    disc = _draw_disc_spectra(random, table)
    return Population(
        redshift,
        luminosity,
        bulge_size / np.sqrt(bulge_axis_ratio),
        disc_size / np.sqrt(disc_axis_ratio),
        bulge_axis_ratio,
        disc_axis_ratio,
        (total * share)[:, None] * bulge * 10 ** (-0.4 * tilt),
        (total * (1 - share))[:, None] * disc * 10 ** (-0.4 * (tilt + dust)),
    )


def _draw_bulge_shares(random: np.random.Generator, luminosity: Array) -> Array:
    """Bulge-to-total ratios in r: luminous galaxies are mostly bulge, faint ones mostly disc."""
    red_share = 0.1 + 0.8 / (1.0 + np.exp((luminosity + 20.8) / 0.7))
    red = random.random(len(luminosity)) < red_share
    return np.where(red, random.beta(7.0, 1.5, len(red)), random.beta(1.3, 4.0, len(red)))


def _draw_sizes(random: np.random.Generator, luminosity: Array, bulge_share: Array) -> tuple[Array, Array]:
    """Circularised half-light radii of bulge and disc in kiloparsec: Shen's early and late types."""
    brightness = 10 ** (-0.4 * (luminosity + 20.52))
    scatter = 0.25 + (0.48 - 0.25) / (1 + brightness**2)
    deviate = np.exp(scatter * random.standard_normal((2, len(luminosity))))
    early = 10 ** (-0.24 * luminosity - 4.63)
    late = 10 ** (-0.084 * luminosity - 1.31) * (1 + brightness) ** 0.32
    # The early types' relation is that of whole ellipticals; the bulge of a spiral is smaller.
    return early * (0.45 + 0.55 * bulge_share) * deviate[0], late * deviate[1]


def _draw_bulge_spectra(random: np.random.Generator, table: Array) -> Array:
    """Mostly E: with some of Sbc, because the real red sequence is a little bluer than the atlas's oldest."""
    younger = random.beta(2.0, 14.0, len(table))[:, None]
    return np.asarray((1 - younger) * table[:, 0] + younger * table[:, 1])


def _draw_disc_spectra(random: np.random.Generator, table: Array) -> Array:
    """Anything from Sbc over Scd to Im."""
    stage = 1.0 + 2.0 * random.beta(1.3, 1.6, len(table))
    low = np.minimum(stage.astype(int), 2)
    part = (stage - low)[:, None]
    rows = np.arange(len(table))
    return np.asarray((1 - part) * table[rows, low] + part * table[rows, low + 1])


def _draw_reddening(random: np.random.Generator, axis_ratio: Array) -> Array:
    """E(B-V) of discs, [N, 1]: the atlas's galaxies are dusty on average, inclined discs more so."""
    return (random.exponential(0.06, len(axis_ratio)) + 0.2 * np.log10(1 / axis_ratio))[:, None]
