"""An installation's files as a folder like a clone: Terraform and Docker work in it.

They cannot in site-packages, which may be read-only: Terraform writes beside the root module, where a
deployment's terraform.tfvars and state are, too.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cosmic_fmi.common.files import write_atomically

PACKAGE_DATA = Path("cosmic_fmi", "_project")
"""Where setup.py puts what belongs to no package: terraform/, examples/ and the state machine."""
_PACKAGES = ("containers", "cosmic_fmi", "fmi", "fmilib", "inference")
_MANIFEST = ".installed.json"


def unpack(packages: Path, folder: Path) -> Path:
    """Bring ``folder`` up to date with what is installed in ``packages``, and return it.

    What an earlier version had, and this one has not, is removed; files that others put there stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = _read(folder / _MANIFEST)
        now = {}
        for name, source in _files(packages):
            content = source.read_bytes()
            now[name] = sha256(content).hexdigest()
            if before.get(name) != now[name] or not (folder / name).is_file():
                _write(folder / name, source, content)
        for name in before.keys() - now.keys():
            (folder / name).unlink(missing_ok=True)
        if now != before:
            write_atomically(folder / _MANIFEST, json.dumps(now, indent=2).encode())
    return folder


def _files(packages: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name in the folder, and where it is installed."""
    roots = [(packages, packages / name) for name in _PACKAGES]
    roots.append((packages / PACKAGE_DATA, packages / PACKAGE_DATA))
    for base, root in roots:
        for path in sorted(root.rglob("*")):
            doubled = base == packages and path.is_relative_to(packages / PACKAGE_DATA)
            if path.is_file() and "__pycache__" not in path.parts and not doubled:
                yield path.relative_to(base).as_posix(), path


def _write(path: Path, source: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    shutil.copymode(source, path)  # Terraform runs programs in terraform/modules/image


def _read(manifest: Path) -> dict[str, str]:
    """Digests by name, as of the last time; empty where there are none, and everything is written anew."""
    try:
        found = json.loads(manifest.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
