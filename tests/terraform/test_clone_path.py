"""A clone in a folder with a space and an umlaut in its name is deployed as any other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment

ROOT = Path(__file__).parents[2]

MODULE = """
module "image" {
  source            = "./terraform/modules/image"
  name              = "rendezvous"
  root              = path.root
  repository_url    = "127.0.0.1:1/a/rendezvous"
  region            = "us-east-1"
  architecture      = "x86_64"
  builder           = "%s"
  build_args        = { BASE_IMAGE = "a b" }
  codebuild_project = "p"
  source_bucket     = "b"
}
"""

# Stands for a program: writes its arguments down, one a line, and says no image is there yet.
RECORDER = """#!/bin/sh
printf '%s\\n' "$(basename "$0")" "$@" >> "$RECORD"
[ "$1 $2" != "manifest inspect" ]
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What an image of the rendezvous server is made of, in a folder such as people have."""
    folder = tmp_path / "My Cl\u00f6ne 1"
    for name in ("containers/rendezvous", "terraform/modules/image", "fmi/protocol"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("containers/__init__.py", "fmi/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def applied(clone: Path, builder: str) -> list[str]:
    """What the programs in its path were told when Terraform built the image."""
    (clone / "main.tf").write_text(MODULE % builder)
    programs, record = clone.parent / "bin", clone.parent / "record"
    programs.mkdir()
    for name in ("docker", "python3"):
        (programs / name).write_text(RECORDER)
        (programs / name).chmod(0o755)
    environment = cli_environment(os.environ, clone.parent) | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "RECORD": str(record),
    }
    terraform = shutil.which("terraform") or shutil.which("tofu")
    assert terraform is not None
    for arguments in (["init"], ["apply", "-auto-approve"]):
        done = subprocess.run(
            [terraform, f"-chdir={clone}", *arguments, "-no-color", "-input=false"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return record.read_text().splitlines()


def test_docker_builds_and_pushes(clone: Path) -> None:
    told = applied(clone, "docker")
    assert told[:2] == ["docker", "info"]
    build = told[told.index("build", told.index("--platform") - 1) :]
    assert "BASE_IMAGE=a b" in build
    assert build[build.index("--file") + 1] == "containers/rendezvous/Dockerfile"
    assert told[-2] == "push"


def test_codebuild_is_started(clone: Path) -> None:
    assert applied(clone, "codebuild") == [
        "python3",
        str(clone / "terraform" / "modules" / "image" / "build_with_codebuild.py"),
    ]
