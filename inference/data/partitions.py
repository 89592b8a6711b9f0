"""Partitions, the files 1.pt, 2.pt, … of a folder: their order, their ids, and how they are written."""

import io
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.common.natural_order import natural_key
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies

SUFFIXES = (".pt", ".safetensors")

# Ids of files without any: the partition's number in the upper bits, the row in the lower ones.
ROW_BITS = 32
MOST_DIGITS = 9
"""Of a partition's number: the upper 31 bits hold them all."""


def default_ids(name: str, count: int) -> npt.NDArray[np.int64]:
    """Ids for a file without any, distinct across the partitions of a folder.

    The upper bits are the file's number, or a checksum of its name where it has none that fits, or writes it
    in another way (01.pt is not 1.pt); the lower 32 are the row.
    """
    stem = Path(name).stem
    number = int(stem) if stem.isdecimal() and len(stem) <= MOST_DIGITS else -1
    if str(number) != stem:
        number = zlib.crc32(stem.encode()) & 0x7FFFFFFF
    return (number << ROW_BITS) + np.arange(count, dtype=np.int64)


def partition_files(folder: Path) -> list[Path]:
    """The data files of a folder, in natural order. Raises DataError when there are none."""
    files = [path for path in folder.iterdir() if path.suffix in SUFFIXES]
    if not files:
        raise DataError(f"{folder}: holds no {' or '.join(SUFFIXES)} files.")
    return sorted(files, key=lambda path: natural_key(path.name))


def encode(galaxies: Galaxies, suffix: str = ".pt") -> bytes:
    """A file's bytes, the same whenever the galaxies are the same.

    `.pt`: torch.save of a TensorDataset of image float32, magnitude float64, redshift float64 [N] and object
    id int64; redshifts that are unknown are NaN. `.safetensors`: the same columns by name.
    """
    columns = {
        name: np.require(getattr(galaxies, name), requirements=["C", "W"])  # as torch and safetensors want it
        for name in ("image", "magnitude", "redshift", "object_id")
    }
    if suffix == ".safetensors":
        from safetensors.numpy import save  # noqa: PLC0415 - most files are .pt

        return bytes(save(columns))
    import torch  # noqa: PLC0415 - takes seconds, and only writing needs it
    from torch.utils.data import TensorDataset  # noqa: PLC0415

    buffer = io.BytesIO()
    torch.save(TensorDataset(*map(torch.from_numpy, columns.values())), buffer)
    return buffer.getvalue()


def write(path: Path, galaxies: Galaxies) -> None:
    """Write a file that the course's scripts and `inference.data.dataset.read` understand, by its suffix."""
    write_atomically(path, encode(galaxies, path.suffix))


def write_partitions(
    folder: Path, galaxies: Galaxies, *, count: int | None = None, size: int | None = None
) -> list[Path]:
    """Cut `galaxies` into `1.pt … n.pt`: `count` files that differ by at most one galaxy, or files of `size`.

    Returns the files in order. Raises ValueError unless exactly one of count and size is given and it is
    possible, and DataError when the folder has other partitions too, which its readers would add to these.
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
    files = [folder / f"{part + 1}.pt" for part in range(count)]
    others = sorted(
        {path.name for path in folder.iterdir() if path.suffix in SUFFIXES} - {f.name for f in files}
    )
    if others:
        raise DataError(
            f"{folder}: holds other partitions already, such as {others[0]}: give an empty folder."
        )
    for part, path in enumerate(files):
        write(path, galaxies[edges[part] : edges[part + 1]])
    return files
