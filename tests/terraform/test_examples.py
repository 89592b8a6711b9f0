"""The variables in terraform/examples, each planned with a mocked provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from tftest import TerraformTest

from tests.terraform.support.workspace import ROOT, succeed

EXAMPLES = sorted((ROOT / "terraform" / "examples").glob("*.tfvars"))


def test_there_is_one_for_each_situation() -> None:
    assert [path.stem for path in EXAMPLES] == ["class-account", "classroom", "no-domain", "shared-account"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_planned(workspace: TerraformTest, file: Path) -> None:
    arguments = ["-no-color", "-filter=tests/examples.tftest.hcl", f"-var-file=examples/{file.name}"]
    if "budget_email" in file.read_text():
        # That of the example is refused.
        arguments += ["-var=budget_email=student@university.test"]
    succeed(workspace, "test", *arguments)
