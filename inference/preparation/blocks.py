"""What readers produce: blocks of galaxies as they were found, and where something was wrong with one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.core import units
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.core.object_ids import Ids, canonical
from inference.core.validity import known_redshift
from inference.data import extra_columns
from inference.data.columns import Columns
from inference.data.dataset import SIZE, crop
from inference.data.partitions import default_ids
from inference.preparation.reading import Reading

Array = npt.NDArray[Any]
PLAIN = Reading()


class Reason(IntEnum):
    """Why a galaxy is dropped; where several hold, the first counts."""

    NONE = 0
    UNREADABLE = 1
    SHAPE = 2
    PIXELS = 3
    PHOTOMETRY = 4
    REDSHIFT = 5
    DUPLICATE = 6
    OUTLIER = 7
    ID = 8

    @property
    def text(self) -> str:
        """What the summary calls it."""
        return {
            Reason.NONE: "kept",
            Reason.UNREADABLE: "missing or unreadable cutout",
            Reason.SHAPE: "wrong shape",
            Reason.PIXELS: "pixels that are not finite",
            Reason.PHOTOMETRY: "missing photometry",
            Reason.REDSHIFT: "impossible redshift",
            Reason.DUPLICATE: "duplicate id",
            Reason.OUTLIER: "outlier in colour",
            Reason.ID: "missing id",
        }[self]


@dataclass(frozen=True)
class Block:
    """Galaxies [N] that may hold anything, and int8 [N], the Reason that reading one already gave."""

    galaxies: Galaxies
    reason: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.reason)


class Source(Protocol):
    """Something to read galaxies from, as often as one likes and always in the same order."""

    @property
    def name(self) -> str:
        """What errors and the summary call it."""

    @property
    def notes(self) -> Sequence[str]:
        """Which columns were used, once blocks have been read: sentences for the summary."""

    def blocks(self) -> Iterator[Block]:
        """All of it. Raises DataError when it cannot be read."""


def block(columns: Columns, name: str, how: Reading = PLAIN, first_row: int = 0) -> Block:
    """The block that arrays make: images cropped to the centre, all types ours, nothing judged but shapes.

    Raises DataError when the columns do not belong together, hold no numbers, or numbers of other units.
    """
    image = _in_order(_numbers(columns.image, "image", name), name, how)
    magnitude = _numbers(columns.magnitude, "magnitude", name)
    count = len(image) if image.ndim else 0
    redshift = np.full(count, np.nan) if columns.redshift is None else columns.redshift
    redshift = _numbers(redshift.reshape(-1) if redshift.shape == (count, 1) else redshift, "redshift", name)
    if magnitude.shape != (count, 5) or redshift.shape != (count,):
        raise DataError(
            f"{name}: {count} images need magnitudes [{count}, 5] and redshifts [{count}], "
            f"but it has {list(magnitude.shape)} and {list(redshift.shape)}."
        )
    whole = image.ndim == 4 and image.shape[1] == 5 and min(image.shape[2:]) >= SIZE
    pixels = (
        as_type(crop(image) * how.pixel_scale if how.pixel_scale != 1 else crop(image), np.float32)
        if whole
        else np.zeros((count, 5, SIZE, SIZE), np.float32)
    )
    values = as_type(magnitude, np.float64)
    if whole:
        check_units(pixels, values, name, how)
    extra = {} if columns.extra is None else dict(extra_columns.decode(columns.extra, count, name))
    ids = extra.pop(extra_columns.ID, columns.object_id)
    return Block(
        Galaxies(
            image=pixels,
            magnitude=values,
            redshift=known_redshift(as_type(redshift, np.float64)),
            object_id=default_ids(name, first_row + count)[first_row:]
            if ids is None
            else object_id_column(ids, count, name),
            extra=extra,
            numbered=ids is None,
        ),
        np.full(count, Reason.NONE if whole else Reason.SHAPE, np.int8),
    )


def check_units(image: Array, magnitude: Array, name: str, how: Reading) -> None:
    """Refuse images and magnitudes whose numbers are of other units. Raises DataError."""
    units.check_magnitudes(magnitude, name)
    if not how.trust_pixels:
        units.check_pixels(image, magnitude, name)


def _in_order(image: Array, name: str, how: Reading) -> Array:
    """Images as [N, u g r i z, H, W], from the layout and the order of bands that the user says."""
    if image.dtype == np.uint8:
        raise DataError(
            f"{name}: its images are uint8, a picture's brightness: fluxes in nanomaggies are read."
        )
    if how.layout == "channels-last" and image.ndim == 4:
        image = np.moveaxis(image, 3, 1)
    elif image.ndim == 4 and image.shape[1] != 5 and image.shape[3] == 5:
        raise DataError(
            f"{name}: its images have shape {list(image.shape)}, with the bands last: give "
            "--layout channels-last."
        )
    if image.ndim == 4 and image.shape[1] == 5 and how.bands:
        image = image[:, how.places]
    return image


def _numbers(array: Array, kind: str, name: str) -> Array:
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name}: its {kind} is an array of {array.dtype} instead of numbers.")
    return array


def as_type(array: Array, dtype: type[np.floating]) -> Array:
    """The array as `dtype`; what is too large for it becomes infinite, which the rules find."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype)


def object_id_column(array: Array, count: int, name: str) -> Ids:
    """Object ids [N] as they are: whole numbers, or text. Raises DataError for anything else."""
    try:
        if array.shape == (count,):
            return canonical(array)
    except ValueError:
        pass
    raise DataError(
        f"{name}: its object ids are {array.dtype} {list(array.shape)} instead of {count} whole numbers of "
        "at most 64 bits, or text."
    )
