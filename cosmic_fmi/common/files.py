"""Files that are written whole or not at all, that are kept when damaged, and folders known to take them."""

from contextlib import suppress
from pathlib import Path


class OutputError(ValueError):
    """What a command makes has no place; the message names it and says why in one sentence."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file at once: a reader, or the next --resume, never sees half of one.

    Raises OSError that names `path`; what was there before is there still.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()  # it may be what fills the disk
        error.filename = str(path)  # a full disk gives no name
        raise


def make_writable(folder: Path) -> None:
    """Make the folder, early: hours of work must not be lost for a place that takes no files.

    Raises OutputError when it cannot be made or written to.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(probe, b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder} ({error.strerror or error}): choose another --output."
        ) from error


def set_aside(path: Path) -> Path:
    """Rename a damaged file to the first free ``<name>.damaged-<n>`` beside it; returns its new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)
