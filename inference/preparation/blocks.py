"""What readers produce: blocks of galaxies as they were found, and where something was wrong with one."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.columns import Columns
from inference.data.dataset import SIZE, crop
from inference.data.partitions import default_ids

Array = npt.NDArray[Any]


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
        }[self]


@dataclass(frozen=True)
class Block:
    """Galaxies that may hold anything.

    Attributes:
        galaxies: [N] of them.
        reason: int8 [N], the Reason that reading one already gave.
        numbered: their ids were made of the file's name, because it has none.
    """

    galaxies: Galaxies
    reason: npt.NDArray[np.int8]
    numbered: bool = False

    def __len__(self) -> int:
        return len(self.reason)


class Source(Protocol):
    """Something to read galaxies from, as often as one likes and always in the same order."""

    @property
    def name(self) -> str:
        """What errors and the summary call it."""

    def blocks(self) -> Iterator[Block]:
        """All of it. Raises DataError when it cannot be read."""


def block(columns: Columns, name: str, first_row: int = 0) -> Block:
    """The block that arrays make: images cropped to the centre, all types ours, nothing judged but shapes.

    Raises DataError when the columns do not belong together, or hold no numbers.
    """
    image = _numbers(columns.image, "image", name)
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
    return Block(
        Galaxies(
            image=as_type(crop(image), np.float32) if whole else np.zeros((count, 5, SIZE, SIZE), np.float32),
            magnitude=as_type(magnitude, np.float64),
            redshift=as_type(redshift, np.float64),
            object_id=default_ids(name, first_row + count)[first_row:]
            if columns.object_id is None
            else whole_numbers(columns.object_id, count, name),
        ),
        np.full(count, Reason.NONE if whole else Reason.SHAPE, np.int8),
        numbered=columns.object_id is None,
    )


def _numbers(array: Array, kind: str, name: str) -> Array:
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name}: its {kind} is an array of {array.dtype} instead of numbers.")
    return array


def as_type(array: Array, dtype: type[np.floating]) -> Array:
    """The array as `dtype`; what is too large for it becomes infinite, which the rules find."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype)


def whole_numbers(array: Array, count: int, name: str) -> npt.NDArray[np.int64]:
    """Object ids [N], from integers or from text, as which some tables hold what a float would round."""
    try:
        if array.dtype.kind in "SU":
            array = np.array([int(text) for text in array.reshape(-1)], object)
    except ValueError:
        array = np.empty(0)  # no number: refused like the wrong number of them
    if (
        array.shape == (count,)
        and array.dtype.kind in "iuO"
        and all(-(2**63) <= n < 2**63 for n in _ends(array))
    ):
        return array.astype(np.int64)
    raise DataError(f"{name}: its object ids are not {count} whole numbers of 64 bits.")


def _ends(array: Array) -> list[int]:
    return [int(array.min()), int(array.max())] if len(array) else []
