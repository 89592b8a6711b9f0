"""Reading a partition: a file of galaxies that is refused when it is damaged or is not what it should be.

Two formats. `.pt` is what the course uses: torch.save of TensorDataset(image, magnitude, redshift), to which
our own files add the object ids as a fourth tensor, and further columns if any as a fifth, which the course's
scripts ignore. `.safetensors` has the
same columns by name. Nothing in a file is run, and reading one imports no torch.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core import object_ids, units
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.core.validity import known_redshift
from inference.data import extra_columns, torch_file
from inference.data.columns import Columns, Given
from inference.data.partitions import default_ids

SIZE = 32
"""Pixels along one side of an image; larger ones are cropped to their centre."""

OTHERS = (".npz", ".h5", ".hdf5", ".fits", ".fits.gz", ".csv", ".parquet")
"""Formats that only preparing data reads."""

Array = npt.NDArray[Any]


def read(source: Path | torch_file.Bytes, name: str | None = None) -> Galaxies:
    """Read one file, given as a path or as its bytes; `name` is what errors call it and ids are made of.

    64 x 64 images are cropped to their centre. Raises DataError when the file is missing, damaged, holds
    anything but arrays, or when these have wrong shapes, types or units or are empty. What single galaxies
    hold is not judged here: `validity.flags` says which are unusable. Where `source` can be written to, the
    image shares its memory.
    """
    name = name or (str(source) if isinstance(source, Path) else "data.pt")
    columns = read_columns(contents(source) if isinstance(source, Path) else source, name)
    shape = columns.image.shape
    if len(shape) != 4 or shape[1] != 5 or shape[2:] not in ((SIZE, SIZE), (2 * SIZE, 2 * SIZE)):
        raise DataError(f"{name}: images have shape {list(shape)} instead of [N, 5, 32, 32] (or 64 x 64).")
    count = shape[0]
    if count == 0:
        raise DataError(f"{name}: holds no galaxies.")
    image = _numbers(crop(columns.image), (*shape[:2], SIZE, SIZE), np.float32, kind="image", name=name)
    magnitude = _numbers(columns.magnitude, shape[:2], np.float64, kind="magnitude", name=name)
    units.check_magnitudes(magnitude, name)
    extra = {} if columns.extra is None else extra_columns.decode(columns.extra, count, name)
    ids = _ids(columns.object_id, count, name)
    return Galaxies(
        image=image,
        magnitude=magnitude,
        redshift=_redshift(columns.redshift, count, name),
        object_id=extra.pop(extra_columns.ID, ids),
        extra=extra,
        numbered=columns.object_id is None,
    )


def contents(path: Path) -> bytearray:
    """A file's bytes, writable so that arrays can share them. Raises DataError when it cannot be read."""
    try:
        with path.open("rb") as file:
            content = bytearray(os.fstat(file.fileno()).st_size)
            return content[: file.readinto(content)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def read_columns(content: torch_file.Bytes, name: str, given: Given | None = None) -> Columns:
    """The columns of a .pt or .safetensors file, as they are; `given` are names that the user chose.

    Raises DataError when there are none.
    """
    if name.endswith(".safetensors"):
        return Columns.named(_safetensors(content, name), name, given)
    if name.lower().endswith(OTHERS):
        raise DataError(f"{name}: make partitions of it first, with `cosmic-fmi data prepare --data {name}`.")
    loaded = torch_file.load(content, name)
    if isinstance(loaded, dict):
        return Columns.named(loaded, name, given)
    arrays = loaded.tensors if isinstance(loaded, torch_file.TensorDataset) else loaded
    if not isinstance(arrays, (tuple, list)):
        raise DataError(f"{name}: holds a {type(loaded).__name__} instead of a TensorDataset.")
    return Columns.in_order(arrays, name)


def _safetensors(content: torch_file.Bytes, name: str) -> dict[str, Array]:
    from safetensors import SafetensorError  # noqa: PLC0415 - the course's format does without
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        arrays: dict[str, Array] = load(bytes(content))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{name}: is damaged or not a safetensors file ({error}).") from error
    return arrays


def crop(image: Array) -> Array:
    """The central 32 x 32 pixels of images [N, 5, H, W], as a view."""
    top, left = ((side - SIZE) // 2 for side in image.shape[2:])
    return image[:, :, top : top + SIZE, left : left + SIZE]


def _numbers(
    array: Array, shape: tuple[int, ...], dtype: type[np.floating], *, kind: str, name: str
) -> Array:
    """The array as `dtype`, in order, aligned and writable: a view where it is so already.

    What is too large for it becomes infinite, which the rules of `validity` find.
    """
    if array.shape != shape:
        raise DataError(f"{name}: {kind}s have shape {list(array.shape)} instead of {list(shape)}.")
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{name}: {kind}s are {array.dtype} instead of floating point{_ADVICE[kind]}.")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.require(array, dtype, ["C", "A", "W"])


_ADVICE = {
    "image": ": a picture or counts, and what is read are fluxes in nanomaggies",
    "magnitude": "",
    "redshift": "",
}


def _redshift(array: Array | None, count: int, name: str) -> Array:
    """Redshifts [N], NaN for every mark of an unknown one; impossible ones stay, for the rules to judge."""
    if array is None:
        return np.full(count, np.nan)
    flat = array.reshape(-1) if array.shape == (count, 1) else array
    return known_redshift(_numbers(flat, (count,), np.float64, kind="redshift", name=name))


def _ids(array: Array | None, count: int, name: str) -> object_ids.Ids:
    if array is None:
        return default_ids(name, count)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{name}: object ids are not {count} whole numbers.")
    return object_ids.canonical(array)
