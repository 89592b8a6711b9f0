"""A copy of terraform/ to run Terraform's own commands in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

from experiment.terraform import cli_environment, find_executable

ROOT = Path(__file__).parents[2]

_REATTACH = "TF_REATTACH_PROVIDERS"


class Workspace:
    """A copy of terraform/, initialised, so that nothing is written into the working tree.

    The AWS provider runs as long as this does: a command would start it several times over (once a `run` of
    a *.tftest.hcl at the least) and wait each time until it has built the schemas of all of AWS.
    """

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
            "GOGC": "400",  # as experiment/terraform.py has it
        }
        self.run("init", "-input=false", "-no-color")
        self._provider = self._start_provider(folder / "data" / "providers")

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

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._provider.terminate()
        self._provider.communicate()

    def _start_provider(self, installed: Path) -> subprocess.Popen[str]:
        """Start what `init` installed as its authors do for a debugger, and tell Terraform where it answers.

        https://developer.hashicorp.com/terraform/plugin/debugging; OpenTofu takes another name for the same
        provider, and goes on starting its own.
        """
        [program] = installed.glob("*/hashicorp/aws/*/*/terraform-provider-aws*")
        with (installed.parent / "provider.log").open("w") as log:
            provider = subprocess.Popen(
                [program, "-debug"], env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert provider.stdout is not None
        for line in provider.stdout:
            name, _, value = line.strip().partition("=")
            if name == _REATTACH:
                self.environment[_REATTACH] = value.strip("'")
                return provider
        raise AssertionError(Path(log.name).read_text())
