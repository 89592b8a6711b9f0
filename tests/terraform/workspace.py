"""A copy of terraform/ to run Terraform's own commands in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from experiment.terraform import cli_environment, find_executable

ROOT = Path(__file__).parents[2]


class Workspace:
    """A copy of terraform/, initialised, so that nothing is written into the working tree."""

    def __init__(self, folder: Path) -> None:
        self.root, self.data_dir = folder / "terraform", folder / "data"
        shutil.copytree(
            ROOT / "terraform", self.root, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
        )
        shutil.copy(ROOT / "statemachine.asl.json", folder)
        shutil.copytree(ROOT / "containers", folder / "containers")  # the images' tags name their content
        self.environment = cli_environment(os.environ, folder / "cli") | {
            "TF_DATA_DIR": str(self.data_dir),
            "CHECKPOINT_DISABLE": "1",
            "GOGC": "400",  # as experiment/terraform.py has it
        }
        self.run("init", "-input=false", "-no-color")

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
