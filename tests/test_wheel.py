"""What a wheel installs, without a clone: commands, the files that they need, and where state is kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from cosmic_fmi.experiment.installed_project import unpack
from cosmic_fmi.experiment.paths import REPOSITORY

SOURCES = ("containers", "cosmic_fmi", "examples", "fmi", "fmilib", "inference", "terraform")
FILES = ("LICENSE", "README.md", "pyproject.toml", "setup.py", "statemachine.asl.json")
GENERATED = ("__pycache__", "*.so", ".terraform*", "*.tfstate*", "*.tfvars.json")
SECRETS = (
    "terraform.tfstate",
    "terraform.tfstate.backup",
    "terraform.tfvars",
    "backend.tf",
    "my.auto.tfvars",
)


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel; what it depends on comes from the environment of the tests."""

    wheel: Path
    environment: Path
    home: Path

    def run(
        self, *command: str, patience_s: float = 60, programs: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of it in an empty home, far from the repository; ``programs`` come first on PATH."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COSMIC_")}
        inherited.pop("PYTHONPATH", None)
        if programs is not None:
            inherited["PATH"] = f"{programs}{os.pathsep}{inherited['PATH']}"
        return subprocess.run(
            [str(self.environment / "bin" / command[0]), *command[1:]],
            cwd=self.home,
            env={**inherited, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data")},
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("wheel")
    wheel = _build(folder)
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    _pip("--python", python, "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = folder / "home"
    home.mkdir()
    made = Installation(wheel, environment, home)
    yield made
    made.run("cosmic-fmi", "destroy")


def _build(folder: Path) -> Path:
    """A wheel of the working tree, in which a user has deployed to an account."""
    clone = folder / "clone"
    for name in SOURCES:
        shutil.copytree(REPOSITORY / name, clone / name, ignore=shutil.ignore_patterns(*GENERATED))
    for name in FILES:
        shutil.copy2(REPOSITORY / name, clone / name)
    for name in SECRETS:
        (clone / "terraform" / name).write_text("secret = 1\n")
    _pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder), str(clone))
    [wheel] = folder.glob("*.whl")
    shutil.rmtree(clone)
    return wheel


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_holds_what_the_repository_has_and_nothing_of_its_user(installation: Installation) -> None:
    names = set(ZipFile(installation.wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "containers", "examples", "inference", "statemachine.asl.json", "terraform"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    left_out = ("terraform/tests/", "terraform/.checkov.yaml")
    for name in tracked:
        inside = name if name.startswith(("containers", "inference")) else f"cosmic_fmi/_project/{name}"
        assert inside in names or name.startswith(left_out), name
    assert not [name for name in names if name.endswith(SECRETS) and "s3-backend" not in name]


def test_commands_need_no_clone(installation: Installation) -> None:
    run = installation.run
    assert "cosmic-fmi run" in run("cosmic-fmi", "--help").stdout
    for command in (
        ("fmi", "hello", "--ranks", "2"),
        ("sample", "--output", "sample.pt", "--count", "8"),
        ("predict", "--data", "sample.pt", "--output", "alone"),
        ("run", "--world-size", "2", "--dry-run"),
    ):
        done = run("cosmic-fmi", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    where = run("cosmic-fmi", "deploy", "--where").stdout.strip()
    assert Path(where, "terraform", "main.tf").is_file()
    assert os.access(Path(where, "terraform", "modules", "image", "build_with_docker.sh"), os.X_OK)
    assert Path(where).is_relative_to(installation.home)
    nothing = run("cosmic-fmi", "run", "--target", "aws", "--preflight")
    assert "nothing is deployed on AWS yet: run `cosmic-fmi deploy` first" in nothing.stderr + nothing.stdout


def test_deploy_runs_terraform_with_a_python_that_has_boto3(
    installation: Installation, tmp_path: Path
) -> None:
    terraform = tmp_path / "terraform"
    terraform.write_text('#!/bin/sh\necho "$@"\ncommand -v python3\n[ "$3" != -refuse ]\n')
    terraform.chmod(0o755)
    deployed = installation.run("cosmic-fmi", "deploy", "--", "-auto-approve", programs=tmp_path)
    assert deployed.returncode == 0, deployed.stderr
    assert re.search(r"^-chdir=\S+/project/terraform init$", deployed.stdout, re.MULTILINE)
    assert re.search(r"^-chdir=\S+/project/terraform apply -auto-approve$", deployed.stdout, re.MULTILINE)
    assert deployed.stdout.count(str(installation.environment / "bin" / "python3")) == 2
    refused = installation.run("cosmic-fmi", "deploy", "--", "-refuse", programs=tmp_path)
    assert refused.returncode == 1


def test_messages_need_numpy_only(installation: Installation, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    [packages], [installed] = (
        list(environment.glob("lib/python*/site-packages"))
        for environment in (tmp_path, installation.environment)
    )
    for name in ("fmi", "containers"):  # the latter has the rendezvous server
        (packages / name).symlink_to(installed / name)
    for path in Path(sysconfig.get_path("purelib")).glob("numpy*"):
        (packages / path.name).symlink_to(path)
    done = installation.run(str(tmp_path / "bin" / "python"), "-m", "fmi", "hello", "--ranks", "2")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif("COSMIC_WHEEL" not in os.environ, reason="a minute or two: make test-wheel")
def test_a_world_runs_on_the_embedded_aws(installation: Installation) -> None:
    command = ("cosmic-fmi", "run", "--world-size", "2", "--output", "results/wheel")
    done = installation.run(*command, patience_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads((installation.home / "results" / "wheel" / "summary.json").read_text())
    assert row["samples"] == 1253
    assert "Tear down: cosmic-fmi destroy" in done.stdout + done.stderr
    again = installation.run("cosmic-fmi", "destroy")
    assert "The embedded AWS is gone." in again.stdout + again.stderr


def test_an_update_replaces_and_removes_what_is_the_projects_only(tmp_path: Path) -> None:
    packages, folder = tmp_path / "packages", tmp_path / "project"
    data = packages / "cosmic_fmi" / "_project" / "terraform"
    data.mkdir(parents=True)
    (data / "main.tf").write_text("1")
    (data / "old.tf").write_text("1")
    unpack(packages, folder)
    (folder / "terraform" / "terraform.tfvars").write_text("mine")
    (data / "main.tf").write_text("2")
    (data / "old.tf").unlink()
    unpack(packages, folder)
    found = {path.name: path.read_text() for path in (folder / "terraform").iterdir()}
    assert found == {"main.tf": "2", "terraform.tfvars": "mine"}
