"""The tables in the READMEs of modules, and what every variable owes to who sets it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from scripts import terraform_docs
from scripts.terraform_docs import ROOT, Module, parsed, plain

MODULES = [ROOT, *sorted((ROOT / "modules").iterdir())]

# What has no wrong value of its own: switches, and names and ARNs that AWS or another module made.
FREE = {"bool"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT, tmp_path / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return tmp_path / "terraform"


def test_every_table_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert terraform_docs.main(["--check"]) == 0, capsys.readouterr().err


def test_a_change_makes_a_table_stale_until_it_is_written_anew(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(copy)]
    with (copy / "modules" / "storage" / "variables.tf").open("a") as file:
        file.write(
            'variable "more" {\n  description = "One | \\"more\\"."\n  type = list(string)\n'
            "  default = []\n}\n"
        )
    assert terraform_docs.main(["--check", *root]) == 1
    assert str(copy / "modules" / "storage" / "README.md") in capsys.readouterr().err
    assert terraform_docs.main(root) == 0
    assert terraform_docs.main(["--check", *root]) == 0
    text = (copy / "modules" / "storage" / "README.md").read_text()
    assert '| `more` | One \\| "more". | `list(string)` | `[]` |' in text


def test_a_readme_without_markers_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "modules" / "function" / "README.md").write_text("# function\n")
    assert terraform_docs.main(["--root", str(copy)]) == 1
    assert str(copy / "modules" / "function" / "README.md") in capsys.readouterr().err


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.name)
def test_everything_is_typed_and_described(folder: Path) -> None:
    module = Module(folder)
    for name, block in module.named("variable"):
        assert plain(block["type"]), name
        assert plain(block["description"]).endswith("."), name
    for name, block in module.named("output"):
        assert plain(block["description"]).endswith("."), name
    versions = {"terraform": ">= 1.9", "hashicorp/aws": "~> 5.100"}
    assert dict(module.requirements()).items() <= versions.items()
    uses_aws = any(kind.startswith("aws_") for kind, _ in module.resources("resource"))
    assert uses_aws <= ("hashicorp/aws" in dict(module.requirements()))


def test_every_variable_of_the_deployment_refuses_wrong_values() -> None:
    unchecked = [
        name
        for name, block in Module(ROOT).named("variable")
        if plain(block["type"]) not in FREE and "validation" not in block
    ]
    assert unchecked == []


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.name)
def test_every_validation_is_tested_with_a_value_that_it_refuses(folder: Path) -> None:
    refused: Counter[str] = Counter()
    for path in (ROOT / "tests").glob("*.tftest.hcl"):
        runs = [body for each in parsed(path.read_text())["run"] for body in each.values()]
        for body in runs:
            source = plain(body["module"][0]["source"]) if "module" in body else "."
            if (ROOT / source).resolve() == folder.resolve():
                refused.update(re.findall(r"var\.(\w+)", str(body.get("expect_failures", []))))
    wanted = {name: len(block.get("validation", [])) for name, block in Module(folder).named("variable")}
    assert {name: number for name, number in wanted.items() if refused[name] < number} == {}
