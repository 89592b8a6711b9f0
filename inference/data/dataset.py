"""Reading a partition: a file of galaxies that is refused as a whole when anything in it is wrong.

Two formats. `.pt` is what the course uses: torch.save of TensorDataset(image, magnitude, redshift), to which
our own files add the object ids as a fourth tensor, which the course's scripts ignore. `.safetensors` has the
same columns by name. Nothing in a file is run, and reading one imports no torch.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data import torch_file
from inference.data.columns import Columns
from inference.data.partitions import default_ids

MAX_REDSHIFT = 20.0
SIZE = 32
"""Pixels along one side of an image; larger ones are cropped to their centre."""

Array = npt.NDArray[Any]
Describe = Callable[[int], str]


def read(source: Path | torch_file.Bytes, name: str | None = None) -> Galaxies:
    """Read one file, given as a path or as its bytes; `name` is what errors call it and ids are made of.

    64 x 64 images are cropped to their centre. Raises DataError when the file is missing, damaged, holds
    anything but arrays, or when these have wrong shapes or types, are empty or hold values that are not
    finite: it names the file and the first galaxy that is wrong. Where `source` can be written to, the image
    shares its memory.
    """
    name = name or (str(source) if isinstance(source, Path) else "data.pt")
    columns = read_columns(contents(source) if isinstance(source, Path) else source, name)
    shape = columns.image.shape
    if len(shape) != 4 or shape[1] != 5 or shape[2:] not in ((SIZE, SIZE), (2 * SIZE, 2 * SIZE)):
        raise DataError(f"{name}: images have shape {list(shape)} instead of [N, 5, 32, 32] (or 64 x 64).")
    count = shape[0]
    if count == 0:
        raise DataError(f"{name}: holds no galaxies.")
    ids = _ids(columns.object_id, count, name)
    describe = _describer(None if columns.object_id is None else ids)
    image = _numbers(
        crop(columns.image), (*shape[:2], SIZE, SIZE), np.float32, name=name, kind="image", describe=describe
    )
    magnitude = _numbers(
        columns.magnitude, shape[:2], np.float64, name=name, kind="magnitude", describe=describe
    )
    redshift = _redshift(columns.redshift, count, name, describe)
    return Galaxies(image, magnitude, redshift, ids)


def contents(path: Path) -> bytearray:
    """A file's bytes, writable so that arrays can share them. Raises DataError when it cannot be read."""
    try:
        with path.open("rb") as file:
            content = bytearray(os.fstat(file.fileno()).st_size)
            return content[: file.readinto(content)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def read_columns(content: torch_file.Bytes, name: str) -> Columns:
    """The columns of a .pt or .safetensors file, as they are. Raises DataError when there are none."""
    if name.endswith(".safetensors"):
        return Columns.named(_safetensors(content, name), name)
    loaded = torch_file.load(content, name)
    if isinstance(loaded, dict):
        return Columns.named(loaded, name)
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
    array: Array,
    shape: tuple[int, ...],
    dtype: type[np.floating],
    *,
    kind: str,
    name: str,
    describe: Describe,
) -> Array:
    """The array as `dtype`, in order, aligned and writable: a view where it is so already."""
    if array.shape != shape:
        raise DataError(f"{name}: {kind}s have shape {list(array.shape)} instead of {list(shape)}.")
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"{name}: {kind}s are {array.dtype} instead of floating point.")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.require(array, dtype, ["C", "A", "W"])
        # The sum is finite only if every element is; looking for the row is left to the bad case.
        if np.isfinite(numbers.sum(dtype=np.float64)):
            return numbers
    bad = np.flatnonzero(~np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1))
    if len(bad):
        article = "an" if kind == "image" else "a"
        raise DataError(
            f"{name}: {describe(bad[0])} has {article} {kind} that is not a finite number "
            f"({len(bad)} in all); `cosmic-fmi data prepare` drops such galaxies."
        )
    return numbers


def _redshift(array: Array | None, count: int, name: str, describe: Describe) -> Array:
    if array is None:
        return np.full(count, np.nan)
    flat = array.reshape(-1) if array.shape == (count, 1) else array
    if flat.dtype.kind == "f" and flat.shape == (count,) and np.isnan(flat).all():
        return np.full(count, np.nan)  # unknown, which our own files say with such a column
    redshift = _numbers(flat, (count,), np.float64, name=name, kind="redshift", describe=describe)
    outside = np.flatnonzero((redshift <= -1) | (redshift > MAX_REDSHIFT))
    if len(outside):
        row = outside[0]
        raise DataError(f"{name}: {describe(row)} has the impossible redshift {redshift[row]:g}.")
    return redshift


def _ids(array: Array | None, count: int, name: str) -> npt.NDArray[np.int64]:
    if array is None:
        return default_ids(name, count)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{name}: object ids are not {count} whole numbers.")
    return np.require(array, np.int64, ["C", "A"])


def _describer(ids: npt.NDArray[np.int64] | None) -> Describe:
    """How errors call a galaxy: by its row, and by its id where the file has any."""
    return lambda row: f"galaxy {row}" + ("" if ids is None else f" (id {ids[row]})")
