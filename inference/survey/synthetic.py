"""A seeded survey of SDSS-like galaxies, in which colour, size and surface brightness carry the redshift.

`inference.survey.population` says which galaxies there are, `inference.survey.profiles` what they look like;
here they are observed, with SDSS's noise. docs/survey.md shows the result. Sources: depths (five sigma, point
source), the SDSS scope page; magnitudes that stay finite where the measured flux is negative, Lupton et al.
1999 (AJ 118, 1406); calibration, Padmanabhan et al. 2008 (ApJ 674, 1217).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.core.galaxies import Galaxies
from inference.survey import cosmology, population, profiles
from inference.survey.population import Population
from inference.survey.profiles import Shape

Array = npt.NDArray[np.float64]

SAMPLE_SIZE = 1253
"""Galaxies in the course's sample set."""
SAMPLE_SEED = 2024

BLOCK = 512

DEPTHS = np.array([22.0, 22.2, 22.2, 21.3, 20.5])
POINT_SOURCE_PIXELS = 4 * np.pi * (profiles.SEEING / profiles.PIXEL / 2.3548) ** 2
PIXEL_NOISE = 10 ** (0.4 * (22.5 - DEPTHS)) / 5 / np.sqrt(POINT_SOURCE_PIXELS)
"""Standard deviation of the sky in nanomaggies per pixel: the noise that gives the depth."""
PHOTONS = np.array([180.0, 1000.0, 940.0, 710.0, 140.0])
"""Electrons per nanomaggie: gain over nanomaggies a count, as in the headers of SDSS's corrected frames."""
SEEING_SCATTER = 0.1
"""How much the seeing varies from night to night, in ln."""
CENTRE_SCATTER = 0.4
"""Pixels by which a galaxy misses the image's centre, along each axis."""

SOFTENING = np.array([1.4e-10, 0.9e-10, 1.2e-10, 1.8e-10, 7.4e-10])
CALIBRATION_ERROR = np.array([0.02, 0.01, 0.01, 0.01, 0.01])
APERTURE_ERROR = 0.05
"""A fitted model misses or invents some light, the same in all bands: colours are better than totals."""
LARGEST = 30.0
"""Half-light radii in pixels are at most this; what is larger fills the image in any case."""


def sample_set(count: int = SAMPLE_SIZE, seed: int = SAMPLE_SEED) -> Galaxies:
    """The sample set of the demonstration."""
    return sample(count, seed)


def sample(count: int, seed: int) -> Galaxies:
    """`count` galaxies of the survey `seed`; the first n of a longer sample are the same n galaxies."""
    return Galaxies.concatenate(list(stream(count, seed)))


def stream(count: int, seed: int) -> Iterator[Galaxies]:
    """The same galaxies in blocks, so that memory does not grow with `count`."""
    for start in range(0, count, BLOCK):
        random = np.random.default_rng([seed, start // BLOCK])
        yield observe(random, population.draw(random, BLOCK), start, min(BLOCK, count - start))


def observe(
    random: np.random.Generator, galaxies: Population, first_id: int = 0, count: int | None = None
) -> Galaxies:
    """Images and magnitudes, with noise, of the first `count` galaxies (all); ids count up from `first_id`.

    A galaxy comes out the same whatever `count` is.
    """
    bulge, disc = _shapes(random, galaxies)
    seeing = np.exp(SEEING_SCATTER * random.standard_normal(len(galaxies.redshift)))
    magnitude = _measure(random, galaxies.flux, bulge, disc)
    seen = slice(count if count is not None else len(seeing))
    light = galaxies.bulge_flux[seen], galaxies.disc_flux[seen]
    image = profiles.observe(bulge[seen], disc[seen], *light, seeing[seen])
    return Galaxies(
        image=_expose(random, image),
        magnitude=magnitude[seen],
        redshift=galaxies.redshift[seen],
        object_id=np.arange(first_id, first_id + len(image), dtype=np.int64),
    )


def _shapes(random: np.random.Generator, galaxies: Population) -> tuple[Shape, Shape]:
    """Where and how large bulges and discs appear, on pixels."""
    count = len(galaxies.redshift)
    pixels = cosmology.arcseconds_per_kiloparsec(galaxies.redshift) / profiles.PIXEL
    angle = random.uniform(0.0, np.pi, count)
    centre = random.normal(0.0, CENTRE_SCATTER, (count, 2))
    bulge_size = np.minimum(galaxies.bulge_size * pixels, LARGEST)
    disc_size = np.minimum(galaxies.disc_size * pixels, LARGEST)
    return (
        Shape(bulge_size, galaxies.bulge_axis_ratio, angle, centre),
        Shape(disc_size, galaxies.disc_axis_ratio, angle, centre),
    )


def _expose(random: np.random.Generator, image: profiles.Image) -> profiles.Image:
    """Noiseless images [N, 5, S, S] with the noise of the sky and of their own photons."""
    sky = (PIXEL_NOISE**2).astype(np.float32)[:, None, None]
    variance = sky + np.maximum(image, 0) / PHOTONS.astype(np.float32)[:, None, None]
    noise = random.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(image + noise * np.sqrt(variance))


def _measure(random: np.random.Generator, flux: Array, bulge: Shape, disc: Shape) -> Array:
    """Measured asinh magnitudes [N, 5] of true fluxes in nanomaggies."""
    # Fitting a profile collects the sky's noise from as many pixels as the blurred galaxy fills.
    extent = np.hypot(bulge.half_light, disc.half_light) / np.sqrt(2)
    pixels = POINT_SOURCE_PIXELS + 2 * np.pi * extent[:, None] ** 2
    noise = np.hypot(PIXEL_NOISE * np.sqrt(pixels), CALIBRATION_ERROR * flux)
    missed = 1.0 + APERTURE_ERROR * random.standard_normal((len(flux), 1))
    maggies = (flux * missed + noise * random.standard_normal(flux.shape)) * 1e-9
    return np.asarray(-2.5 / np.log(10) * (np.arcsinh(maggies / (2 * SOFTENING)) + np.log(SOFTENING)))
