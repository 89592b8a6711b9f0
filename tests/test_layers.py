"""The house stands: imports go down its layers only, as the contracts in pyproject.toml say."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINTER = Path(sysconfig.get_path("scripts")) / "lint-imports"


def test_imports_go_down_the_layers() -> None:
    done = subprocess.run([LINTER, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "package",
    [
        "containers/executor",
        "cosmic_fmi",
        "cosmic_fmi/experiment",
        "cosmic_fmi/localcloud",
        "fmi",
        "inference",
    ],
)
def test_every_package_is_in_a_layer(package: str) -> None:
    """import-linter says nothing of a package that no contract names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = " ".join(layer for contract in contracts for layer in contract.get("layers", ()))
    named = set(re.findall(r"[\w.]+", layers))
    folders = [path.parent for path in (ROOT / package).glob("*/*.py")]
    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} <= named
