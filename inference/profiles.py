"""Images of galaxies: a bulge and a disc on SDSS pixels, blurred by the atmosphere, with the sky's noise.

Units: nanomaggies per pixel, arcseconds. Sources: pixel scale 0.396" and median seeing a band from the SDSS
imaging pages; Sérsic profiles after Graham & Driver 2005 (PASA 22, 118).
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]

SIZE = 32
PIXEL = 0.396
SEEING = np.array([1.53, 1.44, 1.32, 1.26, 1.29])
"""Full width at half maximum of the point-spread function in u, g, r, i, z, in arcseconds."""

# Light is blurred on a larger canvas, so that what leaves one edge does not come back at the other.
CANVAS = 48
MAX_RADIUS = CANVAS / 2 * PIXEL


def enclosed(radius: Array, index: int) -> Array:
    """Fraction of a Sérsic profile's light within `radius` half-light radii, for index 1 or 4."""
    x = _scale(index) * np.maximum(radius, 1e-9) ** (1.0 / index)
    term, total = np.ones_like(x), np.ones_like(x)
    for order in range(1, 2 * index):
        term = term * x / order
        total = total + term
    return np.asarray(1.0 - np.exp(-x) * total)


def _scale(index: int) -> float:
    return {1: 1.678, 4: 7.669}[index]


def sersic(half_light: Array, axis_ratio: Array, angle: Array, centre: Array, index: int) -> Image:
    """Profiles on the canvas, [N, CANVAS, CANVAS], that sum to the share of light that falls on it.

    half_light in arcseconds [N], axis_ratio [N], angle in radians [N], centre as offsets in pixels [N, 2].
    """
    line = np.arange(CANVAS) - (CANVAS - 1) / 2
    y = (line[None, :, None] - centre[:, 0, None, None]).astype(np.float32)
    x = (line[None, None, :] - centre[:, 1, None, None]).astype(np.float32)
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    major, minor = x * cos + y * sin, (y * cos - x * sin) / axis_ratio.astype(np.float32)[:, None, None]
    # Half a pixel of softening stands for the average over the pixel, which matters only in the cusp.
    radius = np.sqrt(major**2 + minor**2 + 0.25) * (PIXEL / half_light).astype(np.float32)[:, None, None]
    root = radius if index == 1 else np.sqrt(np.sqrt(radius))
    light = np.exp(-_scale(index) * root, dtype=np.float32)
    share = enclosed(MAX_RADIUS / half_light, index)
    return np.asarray(light * (share / light.sum(axis=(1, 2))).astype(np.float32)[:, None, None])


def blur_and_crop(bulge: Image, disc: Image, bulge_flux: Array, disc_flux: Array) -> Image:
    """Sum of two components with fluxes [N, 5], seen through the atmosphere: [N, 5, SIZE, SIZE]."""
    frequency = np.fft.fftfreq(CANVAS)[:, None] ** 2 + np.fft.rfftfreq(CANVAS)[None, :] ** 2
    sigma = SEEING / PIXEL / 2.3548
    transfer = np.exp(-2 * (np.pi * sigma[:, None, None]) ** 2 * frequency).astype(np.float32)
    parts = np.fft.rfft2(bulge), np.fft.rfft2(disc)
    margin = (CANVAS - SIZE) // 2
    inside = slice(margin, margin + SIZE)
    image = np.empty((len(bulge), len(SEEING), SIZE, SIZE), np.float32)
    for band in range(len(SEEING)):
        fluxes = bulge_flux[:, band], disc_flux[:, band]
        light = sum(
            part * flux.astype(np.float32)[:, None, None] for part, flux in zip(parts, fluxes, strict=True)
        )
        image[:, band] = np.fft.irfft2(light * transfer[band], s=(CANVAS, CANVAS))[:, inside, inside]
    return image
