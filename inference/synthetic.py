"""A seeded survey of SDSS-like galaxies, in which colour, size and surface brightness carry the redshift.

Every galaxy is a bulge with old stars and a disc with younger ones; colours follow `inference.spectra`,
images `inference.profiles`. Sources: luminosity function, Blanton et al. 2003 (ApJ 592, 819); sizes, Shen et
al. 2003 (MNRAS 343, 978); depths (five sigma, point source), the SDSS scope page; magnitudes, Lupton et al.
1999 (AJ 118, 1406), which stay finite where the measured flux is negative.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference import profiles, spectra
from inference.galaxies import Galaxies

Array = npt.NDArray[np.float64]

SAMPLE_SIZE = 1253
"""Galaxies in the course's sample set."""
SAMPLE_SEED = 2024

BLOCK = 512
MAX_REDSHIFT = 0.7
FAINT_LIMIT = 19.5
"""Faintest r magnitude that enters the survey, before noise."""

DEPTHS = np.array([22.0, 22.2, 22.2, 21.3, 20.5])
POINT_SOURCE_PIXELS = 4 * np.pi * (profiles.SEEING / profiles.PIXEL / 2.3548) ** 2
PIXEL_NOISE = 10 ** (0.4 * (22.5 - DEPTHS)) / 5 / np.sqrt(POINT_SOURCE_PIXELS)
"""Standard deviation of the sky in nanomaggies per pixel: the noise that gives the depth."""

SOFTENING = np.array([1.4e-10, 0.9e-10, 1.2e-10, 1.8e-10, 7.4e-10])
CALIBRATION_ERROR = 0.02
CHARACTERISTIC_MAGNITUDE, FAINT_SLOPE = -21.2, -1.05


@dataclass(frozen=True)
class Stars:
    """Galaxies before they are observed, [N] each: redshift, absolute r magnitude, share of the bulge."""

    redshift: Array
    luminosity: Array
    bulge_share: Array


def sample_set(count: int = SAMPLE_SIZE, seed: int = SAMPLE_SEED) -> Galaxies:
    """The sample set of the demonstration."""
    return sample(count, seed)


def sample(count: int, seed: int) -> Galaxies:
    """`count` galaxies of the survey `seed`; the first n of a longer sample are the same n galaxies."""
    return Galaxies.concatenate(list(stream(count, seed)))


def stream(count: int, seed: int) -> Iterator[Galaxies]:
    """The same galaxies in blocks, so that memory does not grow with `count`."""
    for start in range(0, count, BLOCK):
        block = _block(np.random.default_rng([seed, start // BLOCK]), start)
        yield block[: min(BLOCK, count - start)]


def _block(random: np.random.Generator, start: int) -> Galaxies:
    redshift = draw_redshifts(random, BLOCK)
    luminosity = _draw_absolute_magnitudes(random, redshift)
    stars = Stars(redshift, luminosity, _draw_bulge_shares(random, luminosity))
    bulge_flux, disc_flux = _fluxes(random, stars)
    bulge, disc = _profiles(random, stars)
    image = profiles.blur_and_crop(bulge, disc, bulge_flux, disc_flux)
    noise = random.standard_normal(image.shape, dtype=np.float32)
    return Galaxies(
        image=image + noise * PIXEL_NOISE.astype(np.float32)[:, None, None],
        magnitude=_measure(random, bulge_flux + disc_flux),
        redshift=redshift,
        object_id=np.arange(start, start + BLOCK, dtype=np.int64),
    )


def draw_redshifts(random: np.random.Generator, count: int) -> Array:
    """Redshifts [count] between 0.01 and 0.7: the main sample near 0.1 and luminous red galaxies near 0.4."""
    grid = np.linspace(0.01, MAX_REDSHIFT, 700)
    main = (grid / 0.11) ** 2 * np.exp(-((grid / 0.13) ** 1.6))
    red = 0.35 * np.exp(-0.5 * ((grid - 0.42) / 0.13) ** 2)
    cumulative = np.cumsum(main + red)
    return np.interp(random.random(count), cumulative / cumulative[-1], grid)


def _draw_absolute_magnitudes(random: np.random.Generator, redshift: Array) -> Array:
    """Absolute r magnitudes from a Schechter function that ends where the galaxy would be too faint."""
    grid = np.linspace(-24.5, -14.0, 600)
    ratio = 10 ** (-0.4 * (grid - CHARACTERISTIC_MAGNITUDE))
    cumulative = np.cumsum(ratio ** (FAINT_SLOPE + 1) * np.exp(-ratio))
    faintest = FAINT_LIMIT - spectra.distance_modulus(redshift) - 1.2 * redshift
    limit = np.interp(faintest, grid, cumulative)
    return np.interp(random.random(len(redshift)) * limit, cumulative, grid)


def _draw_bulge_shares(random: np.random.Generator, luminosity: Array) -> Array:
    """Bulge-to-total ratios in r: luminous galaxies are mostly bulge, faint ones mostly disc."""
    red_fraction = 1.0 / (1.0 + np.exp((luminosity + 20.8) / 0.7))
    is_red = random.random(len(luminosity)) < 0.1 + 0.8 * red_fraction
    return np.where(is_red, random.beta(7.0, 1.5, len(luminosity)), random.beta(1.3, 4.0, len(luminosity)))


def _fluxes(random: np.random.Generator, stars: Stars) -> tuple[Array, Array]:
    """Apparent fluxes of bulge and disc in nanomaggies, [N, 5] each, after dust."""
    redshift, luminosity, bulge_share = stars.redshift, stars.luminosity, stars.bulge_share
    count = len(redshift)
    table = spectra.band_fluxes(redshift)
    total = 10 ** (0.4 * (22.5 - luminosity - spectra.distance_modulus(redshift)))[:, None]
    burst = random.beta(1.2, 2.2, count)[:, None]
    old = table[:, 0]
    disc = (1 - burst) * table[:, 1] + burst * table[:, 2]
    reddening = random.exponential(0.08, count)[:, None] * (0.2 + 1.0 * burst)
    dust = spectra.attenuation(spectra.BAND_CENTRES / (1.0 + redshift[:, None]))
    # Stars of different ages and metallicities tilt a spectrum a little, whatever its type.
    tilt = random.normal(0.0, 0.03, count)[:, None] * np.log(spectra.BAND_CENTRES / 6166.0) / np.log(2.0)
    common = total * 10 ** (-0.4 * (reddening * dust + tilt))
    return common * bulge_share[:, None] * old, common * (1 - bulge_share)[:, None] * disc


def _profiles(random: np.random.Generator, stars: Stars) -> tuple[profiles.Image, profiles.Image]:
    """Shapes of bulge and disc before the atmosphere, on the canvas."""
    redshift, luminosity, bulge_share = stars.redshift, stars.luminosity, stars.bulge_share
    count = len(redshift)
    scatter = np.exp(random.normal(0.0, 0.25, (count, 2)))
    kiloparsec = 206.265 * (1.0 + redshift) / spectra.comoving_distance(redshift)  # in arcseconds
    bulge_size = 10 ** (-0.24 * luminosity - 4.63) * (0.45 + 0.55 * bulge_share)
    disc_size = 10 ** (-0.084 * luminosity - 1.2) * (1 + 10 ** (-0.4 * (luminosity + 20.91))) ** 0.32
    centre = random.normal(0.0, 0.4, (count, 2))
    angle = random.uniform(0.0, np.pi, count)
    round_, flat = random.uniform(0.6, 1.0, count), random.uniform(0.2, 1.0, count)
    bulge = profiles.sersic(
        np.clip(bulge_size * scatter[:, 0] * kiloparsec, 0.1, 12), round_, angle, centre, 4
    )
    disc = profiles.sersic(np.clip(disc_size * scatter[:, 1] * kiloparsec, 0.1, 12), flat, angle, centre, 1)
    return bulge, disc


def _measure(random: np.random.Generator, flux: Array) -> Array:
    """Measured asinh magnitudes [N, 5] of true fluxes in nanomaggies."""
    # A galaxy spreads over more pixels than a star, so its aperture collects about twice the sky's noise.
    sky = 2.0 * PIXEL_NOISE * np.sqrt(POINT_SOURCE_PIXELS)
    noise = np.hypot(sky, CALIBRATION_ERROR * flux)
    maggies = (flux + noise * random.standard_normal(flux.shape)) * 1e-9
    return np.asarray(-2.5 / np.log(10) * (np.arcsinh(maggies / (2 * SOFTENING)) + np.log(SOFTENING)))
