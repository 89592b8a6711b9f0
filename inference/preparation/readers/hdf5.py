"""HDF5 files with the columns as datasets, at the root or in groups, read a slice at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.core.errors import DataError
from inference.data.columns import NAMES
from inference.preparation.blocks import PLAIN, Block
from inference.preparation.readers.array_columns import Arrays, block_of, unique
from inference.preparation.readers.libraries import need
from inference.preparation.reading import Reading

OURS = frozenset(one for names in NAMES.values() for one in names)
ROWS = 1024
"""Rows that are read at a time: 21 MB of 32 x 32 images, 84 MB of 64 x 64 ones."""


class Hdf5File:
    """An .h5 file with images and what is known of them as datasets of N rows."""

    def __init__(self, path: Path, how: Reading = PLAIN) -> None:
        self.path, self.name, self.how = path, str(path), how
        self.notes: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The file in slices. Raises DataError when it is damaged or lacks a dataset."""
        h5py = need("h5py", "HDF5 files")
        try:
            with h5py.File(self.path, "r") as file:
                arrays = Arrays.chosen(named_datasets(h5py, file, self.name), self.name, self.how)
                for start in range(0, arrays.count, ROWS):
                    block, self.notes = block_of(arrays.part(start, ROWS), self.name, self.how, start)
                    yield block
        except (OSError, RuntimeError, KeyError, MemoryError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{self.name}: is damaged or not an HDF5 file ({first}).") from error


def named_datasets(h5py: Any, file: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - h5py has no types
    """The datasets of a file, those in groups too, by the last part of their name, or by all of it.

    A link into another file is refused: it could name any file.
    """
    found: dict[str, Any] = {}
    _collect(h5py, file, "", found, name)
    return unique(found, name)


def _collect(h5py: Any, group: Any, prefix: str, found: dict[str, Any], name: str) -> None:  # noqa: ANN401
    for key in group:
        full = f"{prefix}{key}"
        link = group.get(key, getlink=True)
        outside = isinstance(link, h5py.ExternalLink)
        if outside and key.lower() not in OURS:
            continue
        one = None if outside else group[key]
        if isinstance(one, h5py.Group):
            if not isinstance(link, h5py.SoftLink):  # which is what is read anyway, or a circle
                _collect(h5py, one, f"{full}/", found, name)
            continue
        if one is None or one.external or one.is_virtual or one.file.filename != group.file.filename:
            raise DataError(f"{name}: its {full} lies in another file, which is not followed.")
        if one.ndim:
            found[full] = one
