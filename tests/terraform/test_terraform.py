"""Terraform's own checks: format, validity, and the *.tftest.hcl files with a mocked provider."""

from __future__ import annotations

import pytest

from tests.terraform.workspace import ROOT, Workspace


def test_everything_is_formatted(workspace: Workspace) -> None:
    workspace.run("fmt", "-check", "-recursive", "-diff", "-no-color")


def test_configuration_is_valid(workspace: Workspace) -> None:
    workspace.run("validate", "-no-color")


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (ROOT / "terraform" / "tests").glob("*.tftest.hcl"))
)
def test_terraform_test(workspace: Workspace, file: str) -> None:
    workspace.run("test", "-no-color", f"-filter=tests/{file}")


def test_every_module_has_the_usual_files() -> None:
    for module in (ROOT / "terraform" / "modules").iterdir():
        names = {path.name for path in module.glob("*.tf")}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= names, module
