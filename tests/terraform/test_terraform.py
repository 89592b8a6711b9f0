"""Terraform's own checks: format, validity, and the *.tftest.hcl files with a mocked provider."""

from __future__ import annotations

import pytest
from tftest import TerraformTest

from tests.terraform.support.workspace import ROOT, succeed


def test_everything_is_formatted(workspace: TerraformTest) -> None:
    succeed(workspace, "fmt", "-check", "-recursive", "-diff", "-no-color")


def test_configuration_is_valid(workspace: TerraformTest) -> None:
    succeed(workspace, "validate", "-no-color")


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (ROOT / "terraform" / "tests").glob("*.tftest.hcl"))
)
def test_terraform_test(workspace: TerraformTest, file: str) -> None:
    succeed(workspace, "test", "-no-color", f"-filter=tests/{file}")


def test_every_module_has_the_usual_files() -> None:
    for module in (ROOT / "terraform" / "modules").iterdir():
        names = {path.name for path in module.glob("*.tf")}
        assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= names, module
