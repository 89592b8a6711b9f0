"""One name for the contents of many files, to see whether any of them changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(root: Path, sources: Iterable[str]) -> str:
    """SHA-256 (hex) over the names and contents of the files below ``sources``, without what tools leave
    behind.
    """
    digest = hashlib.sha256()
    for source in sources:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and _is_source(file.relative_to(root)):
                digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and ".tfstate" not in path.name and path.suffix not in (".pyc", ".safetensors")
