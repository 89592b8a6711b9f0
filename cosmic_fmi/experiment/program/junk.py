"""What lies in a folder of source and is no part of the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = frozenset(
    (
        *(".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", "node_modules", ".terraform", ".local"),
        *("__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea"),
        ".vscode",
    )
)
RESULTS = "results"
"""Where `cosmic-fmi run` writes, in the folder in which it is started."""
_SUFFIXES = (".pyc", ".pyo", ".swp")
_NAMES = (".DS_Store", "Thumbs.db")


@dataclass
class Walk:
    """The plain files below a folder, and the paths that were left out."""

    files: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Every file below ``root`` in the order of names, links to files included, without junk."""
    found = Walk()
    for folder, names, files in os.walk(root):
        here = Path(folder)
        left = [name for name in names if _is_junk(here / name, root)]
        names[:] = sorted(set(names) - set(left))
        found.left_out += [here / name for name in left]
        for path in _sorted(here, files):
            if path.name in _NAMES or path.suffix in _SUFFIXES or not path.is_file():
                found.left_out.append(path)
            else:
                found.files.append(path)
    return found


def _is_junk(path: Path, root: Path) -> bool:
    own_results = path == root / RESULTS and any(path.glob("*/summary.json"))
    # A link to a folder may lead anywhere, and round in circles.
    linked = path.is_symlink()
    return path.name in FOLDERS or own_results or linked or (path / "pyvenv.cfg").is_file()


def _sorted(folder: Path, names: list[str]) -> Iterator[Path]:
    yield from (folder / name for name in sorted(names))
