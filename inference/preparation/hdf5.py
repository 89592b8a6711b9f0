"""HDF5 files with the columns as datasets, read a slice at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.core.errors import DataError
from inference.data.columns import NAMES, Columns
from inference.preparation.blocks import Block, block
from inference.preparation.libraries import need

ROWS = 1024
"""Rows that are read at a time: 21 MB of 32 x 32 images, 84 MB of 64 x 64 ones."""


class Hdf5File:
    """An .h5 file with the datasets image, magnitude and, if known, redshift and object id at its root."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def blocks(self) -> Iterator[Block]:
        """The file in slices. Raises DataError when it is damaged or lacks a dataset."""
        h5py = need("h5py", "HDF5 files")
        try:
            with h5py.File(self.path, "r") as file:
                datasets = self._datasets(h5py, file)
                count = max((len(found) for found in datasets.values() if found.shape), default=0)
                for start in range(0, count, ROWS):
                    part = {name: found[start : start + ROWS] for name, found in datasets.items()}
                    yield block(Columns.named(part, self.name), self.name, start)
        except (OSError, RuntimeError, KeyError, MemoryError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{self.name}: is damaged or not an HDF5 file ({first}).") from error

    def _datasets(self, h5py: Any, file: Any) -> dict[str, Any]:  # noqa: ANN401 - h5py has no types
        """The columns that are there. A link into another file is refused: it could name any file."""
        known = {one for names in NAMES.values() for one in names}
        found = {}
        for name in file:
            if name.lower() not in known:
                continue
            linked = isinstance(file.get(name, getlink=True), h5py.ExternalLink)
            if not linked and not isinstance(file[name], h5py.Dataset):
                raise DataError(f"{self.name}: its {name} is a group instead of a dataset.")
            outside = linked or file[name].file.filename != file.filename
            if outside or file[name].external or file[name].is_virtual:
                raise DataError(f"{self.name}: its {name} lies in another file, which is not followed.")
            found[name] = file[name]
        return found
