"""Arrays by name, of a file that holds images and what is known of them, as one block of galaxies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.data.columns import NAMES, Columns, shown, which
from inference.preparation.blocks import Block, block
from inference.preparation.readers import photometry
from inference.preparation.readers.fits import kept
from inference.preparation.reading import Reading

Array = npt.NDArray[Any]
MOST_DIMENSIONS = 2
"""Of everything but images."""


def unique(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Arrays with paths for names under the last part of these; those that share it keep the whole path.

    Fields of structured arrays become arrays of their own. Raises DataError where nothing is left.
    """
    flat: dict[str, Any] = {}
    for path, array in arrays.items():
        fields = array.dtype.names
        if fields:
            flat |= {f"{path}/{field}": _Field(array, field) for field in fields}
        else:
            flat[path] = array
    last = [path.rpartition("/")[2].lower() for path in flat]
    if not flat:
        raise DataError(f"{name}: holds no arrays.")
    return {
        (short if last.count(short) == 1 else path): array
        for short, (path, array) in zip(last, flat.items(), strict=True)
    }


class _Field:
    """One field of a structured array or dataset [N], read when it is sliced."""

    def __init__(self, array: Any, field: str) -> None:  # noqa: ANN401 - an array or h5py's dataset
        self._array, self._field = array, field
        self.dtype = array.dtype[field].base
        self.shape = (*array.shape, *array.dtype[field].shape)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> Array:  # noqa: ANN401 - a slice or ()
        return np.asarray(self._array[rows][self._field])


@dataclass(frozen=True)
class Arrays:
    """What of a file is read: arrays (or things that give arrays when sliced), by lower-case name."""

    arrays: Mapping[str, Any]
    count: int

    @classmethod
    def chosen(cls, named: Mapping[str, Any], name: str, how: Reading) -> "Arrays":
        """The image, and everything else with as many rows. Raises DataError where there is no image."""
        lower = {key.lower(): array for key, array in named.items()}
        image = which("image", lower, name, how.columns)
        assert image is not None  # noqa: S101 - a missing one was refused
        count = len(lower[image])
        ours = {one for names in NAMES.values() for one in names}
        ours |= {given.lower() for given in (*how.columns.values(), *how.keep)}
        for key in sorted(ours & set(lower)):
            if len(lower[key]) != count:
                raise DataError(
                    f"{name}: {count} images need as many of {key}, and it has {len(lower[key])}."
                )
        others = {
            key: array
            for key, array in lower.items()
            if key in ours or (len(array) == count and array.ndim <= MOST_DIMENSIONS)
        }
        return cls(others, count)

    def part(self, start: int, rows: int) -> dict[str, Array]:
        """The arrays of some rows."""
        return {name: np.asarray(array[start : start + rows]) for name, array in self.arrays.items()}


def block_of(
    arrays: Mapping[str, Array], name: str, how: Reading, first_row: int = 0
) -> tuple[Block, list[str]]:
    """The block that arrays by lower-case name make, and sentences about the columns that are used."""
    image = which("image", arrays, name, how.columns)
    assert image is not None  # noqa: S101 - a missing one was refused
    others = {key: _text(array) for key, array in arrays.items() if key != image}
    if not others:
        raise DataError(f"{name}: has images and nothing else: no magnitudes.")
    magnitude, note = _magnitudes(others, name, how)
    redshift = photometry.redshift_column(others, name, how)
    ids = which("object_id", others, name, how.columns)
    columns = Columns(
        arrays[image],
        magnitude,
        None if redshift is None else others[redshift],
        None if ids is None else others[ids],
        others.get("extra"),
    )
    made = block(columns, name, how, first_row)
    extra = {**made.galaxies.extra, **kept(others, {}, how, name)}
    told = f"redshift: {redshift or f'none among {shown(arrays)}'}"
    return replace(made, galaxies=replace(made.galaxies, extra=extra)), [note, told]


def _magnitudes(arrays: Mapping[str, Array], name: str, how: Reading) -> tuple[Array, str]:
    """Magnitudes [N, 5] from one array, or from an array a band, and a sentence about them."""
    given = how.columns.get("magnitude")
    if (given is None or "{}" not in given) and (place := which_vector(arrays, name, how)):
        return photometry.vector(arrays[place], how), f"magnitudes: {place}"
    found = photometry.magnitudes(arrays, name, how)
    return found.values, found.note


def which_vector(arrays: Mapping[str, Array], name: str, how: Reading) -> str | None:
    """The one array of magnitudes, as `columns.which` finds it; None where there is none of such a name."""
    if "magnitude" in how.columns or any(one in arrays for one in NAMES["magnitude"]):
        return which("magnitude", arrays, name, how.columns)
    return None


def _text(array: Array) -> Array:
    """HDF5's text as text."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "O":
        return np.array([_decoded(one) for one in array.tolist()], np.str_)
    return array


def _decoded(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
