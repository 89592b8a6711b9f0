"""The course's data files: a .pt made by torch.save of TensorDataset(image, magnitude, redshift).

Such a file is a pickle. It is read with PyTorch's restricted unpickler and an allow-list of one class, so
that no code from a file ever runs. Our own files carry the object ids as a fourth tensor, which the course's
scripts ignore.
"""

import io
import math
import pickle
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from inference.galaxies import Galaxies

SUFFIX = ".pt"
ZIP_MAGIC = b"PK\x03\x04"
MAX_REDSHIFT = 20.0

# Ids of files without any: the partition's number in the upper bits, the row in the lower ones.
ROW_BITS = 32


class DataError(ValueError):
    """A data file cannot be used; the message names the file and says why in one sentence."""


def write(path: Path, galaxies: Galaxies) -> None:
    """Write a file that the course's scripts and `read` understand."""
    tensors = (galaxies.image, galaxies.magnitude, galaxies.redshift, galaxies.object_id)
    # Copies, because torch.save writes the whole array behind a slice.
    torch.save(TensorDataset(*(torch.from_numpy(array.copy()) for array in tensors)), path)


def read(source: Path | bytes, name: str | None = None) -> Galaxies:
    """Read one file, given as a path or as its bytes; `name` is what errors call it and ids are made of.

    64 x 64 images are cropped to their centre. Raises DataError when the file is missing, damaged, holds
    anything but tensors, or when its arrays have wrong shapes, are empty or hold values that are not finite.
    """
    name = name or (str(source) if isinstance(source, Path) else "data")
    tensors = _load(source, name)
    if len(tensors) not in (2, 3, 4):
        raise DataError(f"{name}: holds {len(tensors)} tensors instead of image, magnitude and redshift.")
    image = _image(tensors[0], name)
    count = len(image)
    if count == 0:
        raise DataError(f"{name}: holds no galaxies.")
    magnitude = _floats(tensors[1], (count, image.shape[1]), "magnitude", name)
    redshift = _redshift(tensors[2], count, name) if len(tensors) > 2 else np.full(count, np.nan)
    ids = _ids(tensors[3], count, name) if len(tensors) > 3 else default_ids(name, count)
    return Galaxies(image, magnitude, redshift, ids)


def _load(source: Path | bytes, name: str) -> Sequence[Tensor]:
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}).") from error
    # PyTorch's older formats, which it would try otherwise, go through more code than is needed here.
    if not content.startswith(ZIP_MAGIC):
        raise DataError(f"{name}: is truncated or not a file written by torch.save.")
    try:
        with torch.serialization.safe_globals([TensorDataset]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _refused(error)
        raise DataError(f"{name}: holds more than tensors ({reason}); nothing from it was run.") from error
    # Damage can make the unpickler stumble in any way; all of them mean the same to who sent the file.
    except Exception as error:
        raise DataError(f"{name}: is damaged ({_first_line(error)}).") from error
    tensors = loaded.__dict__.get("tensors") if isinstance(loaded, TensorDataset) else loaded
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise DataError(f"{name}: holds a {type(loaded).__name__} instead of a TensorDataset.")
    return tensors


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _refused(error: pickle.UnpicklingError) -> str:
    found = re.search(r"(?:GLOBAL|global|class|function) `?([\w.]+\.[\w]+)", str(error))
    return f"refused {found[1]}" if found else "an unsupported pickle"


def _image(tensor: Tensor, name: str) -> npt.NDArray[np.float32]:
    shape = tuple(tensor.shape)
    if len(shape) != 4 or shape[1] != 5 or shape[2:] not in ((32, 32), (64, 64)):
        raise DataError(f"{name}: images have shape {list(shape)} instead of [N, 5, 32, 32] (or 64 x 64).")
    if not tensor.is_floating_point():
        raise DataError(f"{name}: images are {tensor.dtype} instead of floating point.")
    margin = (shape[2] - 32) // 2
    cropped = tensor[:, :, margin : margin + 32, margin : margin + 32]
    array: npt.NDArray[np.float32] = _array(cropped, torch.float32, name)
    _check_finite(array, "image", name)
    return array


def _floats(tensor: Tensor, shape: tuple[int, ...], kind: str, name: str) -> npt.NDArray[np.float64]:
    if tuple(tensor.shape) != shape:
        raise DataError(f"{name}: {kind}s have shape {list(tensor.shape)} instead of {list(shape)}.")
    array: npt.NDArray[np.float64] = _array(tensor, torch.float64, name)
    _check_finite(array, kind, name)
    return array


def _redshift(tensor: Tensor, count: int, name: str) -> npt.NDArray[np.float64]:
    flat = tensor.reshape(-1) if tuple(tensor.shape) == (count, 1) else tensor
    array = _floats(flat, (count,), "redshift", name)
    outside = np.flatnonzero((array <= -1) | (array > MAX_REDSHIFT))
    if len(outside):
        raise DataError(f"{name}: galaxy {outside[0]} has the impossible redshift {array[outside[0]]:g}.")
    return array


def _ids(tensor: Tensor, count: int, name: str) -> npt.NDArray[np.int64]:
    if tuple(tensor.shape) != (count,) or tensor.is_floating_point():
        raise DataError(f"{name}: object ids are not {count} whole numbers.")
    return _array(tensor, torch.int64, name)


def _array(tensor: Tensor, dtype: torch.dtype, name: str) -> npt.NDArray[Any]:
    try:
        return tensor.detach().to(dtype).contiguous().numpy()
    except (RuntimeError, TypeError) as error:  # a kind of tensor that has no plain numbers, or damage
        raise DataError(f"{name}: holds a tensor that cannot be read ({_first_line(error)}).") from error


def _check_finite(array: npt.NDArray[np.floating], kind: str, name: str) -> None:
    # The sum is finite only if every element is; looking for the row is left to the bad case.
    if np.isfinite(array.sum(dtype=np.float64)):
        return
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if len(bad):
        article = "an" if kind == "image" else "a"
        raise DataError(
            f"{name}: galaxy {bad[0]} has {article} {kind} that is not a finite number ({len(bad)} in all)."
        )


def default_ids(name: str, count: int) -> npt.NDArray[np.int64]:
    """Ids for a file without any, distinct across the partitions `1.pt`, `2.pt`, … of a folder.

    The upper bits are the file's number, or a checksum of its name where it has none; the lower 32 are the
    row.
    """
    stem = Path(name).stem
    number = int(stem) if stem.isdigit() else zlib.crc32(stem.encode())
    return ((number & 0x7FFFFFFF) << ROW_BITS) + np.arange(count, dtype=np.int64)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key under which 2.pt comes before 10.pt."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def partition_files(folder: Path) -> list[Path]:
    """The data files of a folder, in natural order. Raises DataError when there are none."""
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: natural_key(path.name))
    if not files:
        raise DataError(f"{folder}: holds no {SUFFIX} files.")
    return files


def write_partitions(
    folder: Path, galaxies: Galaxies, *, count: int | None = None, size: int | None = None
) -> list[Path]:
    """Cut `galaxies` into `1.pt … n.pt`: `count` files that differ by at most one galaxy, or files of `size`.

    Returns the files in order. Raises ValueError unless exactly one of count and size is given and it is
    possible.
    """
    if (count is None) == (size is None):
        raise ValueError("give either the number of partitions or their size")
    if size is not None and size >= 1:
        count = math.ceil(len(galaxies) / size)
        edges = [*range(0, len(galaxies), size), len(galaxies)]
    elif count is not None and 1 <= count <= len(galaxies):
        edges = [part * len(galaxies) // count for part in range(count + 1)]
    else:
        raise ValueError(f"{len(galaxies)} galaxies cannot be cut into partitions of {count or size}")
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{part + 1}{SUFFIX}" for part in range(count)]
    for part, path in enumerate(files):
        write(path, galaxies[edges[part] : edges[part + 1]])
    return files
