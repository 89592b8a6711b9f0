"""Tiny packages in a folder that pip finds them in, without a network."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    needs: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """A wheel with one module of its own name, or with these files."""
    about = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as made:
        for file, text in (files or {f"{name}.py": f"VERSION = {version!r}\n"}).items():
            made.writestr(file, text)
        made.writestr(f"{about}/METADATA", metadata)
        made.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        made.writestr(f"{about}/RECORD", "")
    return path


def source(folder: Path, name: str, version: str = "1.0") -> Path:
    """A source distribution, which would have to be built; its build would fail, and is never tried."""
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        for file, text in {"setup.py": "raise SystemExit('built')", "PKG-INFO": f"Name: {name}\n"}.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            made.addfile(entry, io.BytesIO(text.encode()))
    return path


def only_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look into this folder, and nowhere else."""
    for name, value in offline(folder).items():
        monkeypatch.setenv(name, value)


def offline(folder: Path) -> dict[str, str]:
    """The variables with which pip looks into this folder, and nowhere else."""
    return {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
