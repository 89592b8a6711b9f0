"""`make deploy` runs what is installed: Terraform, else OpenTofu, as every other command does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("installed", "chosen"), [(["tofu"], "tofu"), (["terraform", "tofu"], "terraform")])
def test_what_is_installed_deploys(tmp_path: Path, installed: list[str], chosen: str) -> None:
    for name in installed:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(
        [make, "--dry-run", "deploy"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{tmp_path / chosen} -chdir=terraform apply" in done.stdout


def test_without_terraform_it_says_what_to_install_before_anything_else(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(
        [make, "deploy"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == (
        "Terraform 1.9 or newer (or OpenTofu) is needed: https://developer.hashicorp.com/terraform/install\n"
    )
