"""Files that hold whole arrays: the course's .pt, safetensors, and NumPy's .npz."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inference.core.errors import DataError
from inference.data.columns import NAMES, Columns
from inference.data.dataset import contents, read_columns
from inference.preparation.blocks import Block, block

LEADING = {one for names in NAMES.values() for one in names}
"""Names of columns; other arrays of a file are not even read."""


class PartitionFile:
    """A .pt or .safetensors file, read whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def blocks(self) -> Iterator[Block]:
        """The file, as one block."""
        yield block(read_columns(contents(self.path), self.name), self.name)


class NpzFile:
    """An .npz file with the columns as arrays, read whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def blocks(self) -> Iterator[Block]:
        """The file, as one block."""
        yield block(Columns.named(self._arrays(), self.name), self.name)

    def _arrays(self) -> dict[str, object]:
        try:
            # Opened here, because NumPy leaves its own open when the archive is damaged.
            with self.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if name.lower() in LEADING}
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
