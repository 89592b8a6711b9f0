"""Terraform's own checks: format, validity, and the *.tftest.hcl files with a mocked provider."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from experiment.terraform import cli_environment, find_executable

ROOT = Path(__file__).parents[2]


class Workspace:
    """A copy of terraform/, initialised, so that nothing is written into the working tree."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "terraform"
        shutil.copytree(
            ROOT / "terraform", self.root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
        )
        shutil.copy(ROOT / "statemachine.asl.json", folder)
        shutil.copytree(ROOT / "containers", folder / "containers")  # the images' tags name their content
        self.environment = cli_environment(os.environ, folder / "cli") | {
            "TF_DATA_DIR": str(folder / "data"),
            "CHECKPOINT_DISABLE": "1",
        }

    def run(self, *arguments: str) -> None:
        """Run a Terraform command; its output is the failure's message."""
        done = subprocess.run(
            [find_executable(), *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(tmp_path_factory.mktemp("terraform"))
    made.run("init", "-input=false", "-no-color")
    return made


def test_everything_is_formatted(workspace: Workspace) -> None:
    workspace.run("fmt", "-check", "-recursive", "-diff", "-no-color")


def test_configuration_is_valid(workspace: Workspace) -> None:
    workspace.run("validate", "-no-color")


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (ROOT / "terraform" / "tests").glob("*.tftest.hcl"))
)
def test_terraform_test(workspace: Workspace, file: str) -> None:
    workspace.run("test", "-no-color", f"-filter=tests/{file}")


def test_every_variable_and_output_is_described() -> None:
    for path in (ROOT / "terraform").rglob("*.tf"):
        for block in path.read_text().split("\n}\n"):
            kind = block.strip().split(" ", 1)[0]
            if kind in ("variable", "output"):
                assert "  description" in block, f"{path}: {block}"
            if kind == "variable":
                assert "  type" in block, f"{path}: {block}"


def test_every_module_has_the_usual_files() -> None:
    for module in (ROOT / "terraform" / "modules").iterdir():
        names = {path.name for path in module.glob("*.tf")}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= names, module
