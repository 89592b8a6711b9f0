"""Files that are written whole or not at all, and never lost when they are damaged."""

from __future__ import annotations

from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file at once: a reader, or the next --resume, never sees half of one."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def set_aside(path: Path) -> Path:
    """Rename a damaged file to the first free ``<name>.damaged-<n>`` beside it; returns its new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)
