"""Deploy into your AWS account: terraform apply, which shows the plan and asks first."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading

EXAMPLES = """\
examples:
  cosmic-fmi deploy                    the settings are in terraform.tfvars, in the folder that it names
  cosmic-fmi deploy -- -auto-approve   without asking; what follows -- is terraform's own
  cosmic-fmi deploy --where            only name the folder: terraform/ is in it, and examples/
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi deploy`."""
    made = new_parser("deploy", __doc__, EXAMPLES)
    made.add_argument("--where", action="store_true", help="print the project's folder, and deploy nothing")
    made.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="of terraform apply, after --")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Deploy with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.paths import project_folder
        from cosmic_fmi.experiment.targets.terraform_command import apply_in_terminal
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        folder = project_folder()
        if arguments.where:
            print(folder)
            return 0
        reporter.message(f"Deploying {folder / 'terraform'}")
        return apply_in_terminal(folder / "terraform", arguments.arguments, _environment())

    return guarded(work, reporter)


def _environment() -> dict[str, str]:
    """This one, in which terraform/modules/image finds a Python with boto3."""
    here = Path(sys.executable).parent
    return {**os.environ, "PATH": os.pathsep.join([str(here), os.environ.get("PATH", os.defpath)])}
