"""Files that hold whole arrays: the course's .pt, safetensors, and NumPy's .npz."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.core.errors import DataError
from inference.data.dataset import contents, read_columns
from inference.preparation.blocks import PLAIN, Block, block
from inference.preparation.readers import photometry
from inference.preparation.readers.array_columns import Arrays, block_of, unique
from inference.preparation.reading import Reading


class PartitionFile:
    """A .pt or .safetensors file, read whole."""

    def __init__(self, path: Path, how: Reading = PLAIN) -> None:
        self.path, self.name, self.how = path, str(path), how
        self.notes: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The file, as one block."""
        columns = read_columns(contents(self.path), self.name, self.how.columns)
        magnitude = photometry.vector(columns.magnitude, self.how)
        yield block(replace(columns, magnitude=magnitude), self.name, self.how)


class NpzFile:
    """An .npz file with the columns as arrays, read whole."""

    def __init__(self, path: Path, how: Reading = PLAIN) -> None:
        self.path, self.name, self.how = path, str(path), how
        self.notes: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The file, as one block."""
        arrays = Arrays.chosen(unique(self._arrays(), self.name), self.name, self.how)
        made, self.notes = block_of(arrays.part(0, arrays.count), self.name, self.how)
        yield made

    def _arrays(self) -> dict[str, Any]:
        try:
            # Opened here, because NumPy leaves its own open when the archive is damaged.
            with self.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if file[name].ndim}
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read ({error.strerror or error}).") from error
        # ValueError: an array of Python objects, which are a pickle; nothing of it is run. MemoryError: NumPy
        # makes room for as many numbers as a header claims before it reads the first.
        # RuntimeError: encrypted, or compressed in a way that is not known.
        except (
            ValueError,
            EOFError,
            KeyError,
            MemoryError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{self.name}: is damaged or holds more than arrays ({first}).") from error
        except (AttributeError, TypeError) as error:  # a lone .npy array under another name
            raise DataError(f"{self.name}: is not an .npz file.") from error
