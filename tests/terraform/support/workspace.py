"""A copy of terraform/ to run Terraform's own commands in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tftest import TerraformTest

from cosmic_fmi.experiment.targets.terraform_command import find_executable
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment

ROOT = Path(__file__).parents[3]


def terraform_test(root: Path, environment: dict[str, str]) -> TerraformTest:
    """Terraform in ``root``, with this environment and nothing else of this process's."""
    made = TerraformTest(str(root), binary=find_executable(environment))
    made.env = environment
    return made


def make_workspace(folder: Path) -> TerraformTest:
    """A copy of terraform/, initialised, so that nothing is written into the working tree."""
    root = folder / "terraform"
    shutil.copytree(ROOT / "terraform", root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    shutil.copy(ROOT / "statemachine.asl.json", folder)
    shutil.copytree(ROOT / "containers", folder / "containers")  # the images' tags name their content
    settings = {
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",
    }  # as cosmic_fmi/experiment/targets/terraform.py sets them
    made = terraform_test(root, cli_environment(os.environ, folder / "cli") | settings)
    made.init()
    return made


def succeed(workspace: TerraformTest, command: str, *arguments: str) -> None:
    """Run a command; its output is the failure's message.

    tftest raises for some exit statuses only: not for 3, which ``fmt -check`` ends with, nor for a signal.
    """
    done = workspace.execute_command(command, *arguments)
    assert done.retcode == 0, done.out + done.err
