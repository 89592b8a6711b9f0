"""Libraries in C that `pip install` compiles where there is a compiler (setup.py): finding and loading them.

A library knows the checksum of the sources that it was compiled from. After a `git pull` those beside it
may be others, and so may be what Python passes to it.
"""

from __future__ import annotations

import ctypes
import hashlib
import sysconfig
from pathlib import Path

COMPILE_AGAIN = "pip install -e . compiles it again."


class NotUsableError(Exception):
    """A library is missing, broken or compiled from other sources; the text says which, and what to do."""


def library_path(folder: Path, name: str) -> Path:
    """Where setup.py puts the library that it compiles from the C files of a folder."""
    return folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"


def load(path: Path, checksum: str) -> ctypes.CDLL:
    """Load a library.

    Args:
        path: the library, with its sources, as far as they are installed, beside it.
        checksum: its function that returns that of its sources.

    Raises:
        NotUsableError: see there.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NotUsableError(f"{path}: cannot be loaded ({error}); {COMPILE_AGAIN}") from error
    if not _is_of(path.parent, library, checksum):
        raise NotUsableError(f"{path}: was compiled from other sources than those beside it; {COMPILE_AGAIN}")
    return library


def _is_of(folder: Path, library: ctypes.CDLL, checksum: str) -> bool:
    if not hasattr(library, checksum):
        return False
    function = getattr(library, checksum)
    function.restype = ctypes.c_char_p
    compiled = function().decode()
    sources = sorted(folder.glob("*.[ch]"))
    found = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return not (compiled and sources) or compiled == found
