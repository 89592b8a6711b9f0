"""terraform/ for the embedded AWS: without the backend in which a user keeps the state of an account."""

from __future__ import annotations

import shutil
from collections.abc import Container
from pathlib import Path

BACKEND = "backend.tf"


def local_root(repository: Path, folder: Path) -> Path:
    """The root module to apply: terraform/ itself, unless it holds a backend.tf.

    Then it is a folder of links to all the rest, in `folder`, beside links to the rest of the repository,
    where the root module finds the state machine's template.
    """
    root = repository / "terraform"
    if not (root / BACKEND).exists():
        return root
    shutil.rmtree(folder, ignore_errors=True)
    _link(repository, folder, without=("terraform", folder.name))
    _link(root, folder / "terraform", without=(BACKEND, ".terraform"))
    return folder / "terraform"


def _link(source: Path, target: Path, without: Container[str]) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in without:
            (target / path.name).symlink_to(path)
