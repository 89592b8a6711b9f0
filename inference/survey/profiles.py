"""Images of galaxies on SDSS pixels, seen through the atmosphere: a bulge and a disc, made in Fourier space.

There Sérsic profiles and the point-spread function are smooth real functions, a shift is a phase, and
blurring is a product, so an image comes out right to the cusp of its bulge without any oversampling. Units:
pixels, cycles per pixel, and arcseconds of seeing. Sources: pixel scale, and median seeing a band, from the
SDSS imaging pages; Sérsic profiles after Graham & Driver 2005 (PASA 22, 118); the atmosphere's transfer
function, Fried 1966 (JOSA 56, 1372).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]

SIZE = 32
PIXEL = 0.396
SEEING = np.array([1.53, 1.44, 1.32, 1.26, 1.29])
"""Full width at half maximum of the point-spread function in u, g, r, i, z, in arcseconds, pixel included."""

PERIOD = 96
"""Fourier series repeat after so many pixels: the light of far wings comes back, faint and smooth."""


TABLE_START, TABLE_STEP, TABLE_SIZE = -12.0, 0.0005, 50_000
"""First ln k², distance between two entries, and number of entries of a profile's tabulated transform."""


@dataclass(frozen=True)
class Shape:
    """Ellipses of N galaxies, [N] each: half-light radius along the major axis in pixels, minor over major
    axis, position angle in radians, centre as offsets [N, 2] (row, column) in pixels from the image's centre.
    """

    half_light: Array
    axis_ratio: Array
    angle: Array
    centre: Array

    def __getitem__(self, rows: slice) -> "Shape":
        """Some of the galaxies."""
        return Shape(self.half_light[rows], self.axis_ratio[rows], self.angle[rows], self.centre[rows])


def observe(bulge: Shape, disc: Shape, bulge_flux: Array, disc_flux: Array, seeing: Array) -> Image:
    """Noiseless images [N, bands, SIZE, SIZE] of bulges (Sérsic index 4) and discs (index 1) with one centre.

    Fluxes are [N, bands]; seeing [N] scales the median of every band.
    """
    parts = transform(4, bulge), transform(1, disc)
    to_rows, to_columns = _waves(disc.centre)
    blur = np.hypot(*_frequencies()) ** (5 / 3)
    image = np.empty((len(seeing), bulge_flux.shape[1], SIZE, SIZE), np.float32)
    for band in range(bulge_flux.shape[1]):
        width = -3.44 * (SEEING[band] * seeing / PIXEL / 0.976) ** (5 / 3)
        light = parts[0] * _column(bulge_flux[:, band]) + parts[1] * _column(disc_flux[:, band])
        light *= np.exp(_column(width) * blur)
        image[:, band] = _invert(light, to_rows, to_columns)
    return image


def transform(index: int, shape: Shape) -> Image:
    """Fourier transforms of Sérsic profiles of unit flux around the origin, [N, PERIOD, PERIOD / 2 + 1]."""
    rows, columns = _frequencies()
    cos, sin = _column(np.cos(shape.angle)), _column(np.sin(shape.angle))
    radius = _column(2 * np.pi * shape.half_light)
    major = rows * (sin * radius) + columns * (cos * radius)
    radius *= _column(shape.axis_ratio)
    minor = rows * (cos * radius) - columns * (sin * radius)
    squared = major * major + minor * minor
    if index == 1:
        return np.asarray((1.0 + squared / np.float32(scale(1) ** 2)) ** np.float32(-1.5))
    # The nearest entry of a fine table: interpolating takes five times as long and changes nothing visible.
    place = (np.log(squared + np.float32(1e-12)) - np.float32(TABLE_START)) * np.float32(1 / TABLE_STEP)
    table = _table(index)
    return np.asarray(table.take(np.clip(place, 0, len(table) - 1, out=place).astype(np.int32)))


def scale(index: int) -> float:
    """Sérsic's b, with which half of the light lies within the half-light radius."""
    return {1: 1.67835, 4: 7.66925}[index]


@cache
def _table(index: int) -> Image:
    """Transform of a circular profile of unit half-light radius and flux over ln k², k in radians a radius.

    exp(-b r^(1/n)) is a sum of Gaussians, because it is completely monotone in r² (Bernstein's theorem), and
    a Gaussian's transform is a Gaussian. The sum is found by least squares on the profile's light.
    """
    radius = np.geomspace(1e-6, 400.0, 1500)
    width = np.geomspace(1e-5, 100.0, 56)
    light = np.exp(-scale(index) * radius ** (1.0 / index))
    gaussians = np.exp(-0.5 * (radius[:, None] / width) ** 2)
    weight = radius[:, None]  # light in equal steps of ln r is r² times the profile; r keeps the core as well
    amplitude = np.linalg.lstsq(gaussians * weight, light * weight[:, 0], rcond=1e-7)[0]
    share = amplitude * width**2
    grid = TABLE_START + TABLE_STEP * (np.arange(TABLE_SIZE) + 0.5)
    value = np.zeros(TABLE_SIZE)
    for part, variance in zip(share / share.sum(), width**2, strict=True):
        value += part * np.exp(-0.5 * variance * np.exp(grid))
    return value.astype(np.float32)


@cache
def _frequencies() -> tuple[Image, Image]:
    """Cycles per pixel along rows [PERIOD, 1] and, without the mirrored half, columns [1, PERIOD / 2 + 1]."""
    rows, columns = np.fft.fftfreq(PERIOD), np.fft.rfftfreq(PERIOD)
    return rows.astype(np.float32)[:, None], columns.astype(np.float32)[None, :]


def _waves(centre: Array) -> tuple[Image, Image]:
    """Cosines above sines, [N, 2 SIZE, frequencies], at the pixels along rows and along columns."""
    place = np.arange(SIZE) - (SIZE - 1) / 2
    waves = []
    for axis, frequency in enumerate(_frequencies()):
        offset = (2 * np.pi * (place - centre[:, axis, None])).astype(np.float32)
        phase = offset[:, :, None] * frequency.reshape(-1)
        waves.append(np.concatenate([np.cos(phase), np.sin(phase)], axis=1))
    mirrored = np.full(PERIOD // 2 + 1, 2.0)
    mirrored[[0, -1]] = 1.0
    return waves[0], np.asarray(waves[1] * (mirrored / PERIOD**2), np.float32)


def _invert(light: Image, to_rows: Image, to_columns: Image) -> Image:
    """The inverse transform of real `light`, at the image's pixels only."""
    along_rows = to_rows @ light
    even = along_rows[:, :SIZE] @ to_columns[:, :SIZE].transpose(0, 2, 1)
    odd = along_rows[:, SIZE:] @ to_columns[:, SIZE:].transpose(0, 2, 1)
    return np.asarray(even - odd)


def _column(values: Array) -> Image:
    return values.astype(np.float32)[:, None, None]
