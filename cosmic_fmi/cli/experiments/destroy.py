"""Take a deployment down: terraform destroy, and on the local target stop the embedded AWS."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading

EXAMPLES = """\
examples:
  cosmic-fmi destroy                  the embedded AWS
  cosmic-fmi destroy --target aws     everything that is deployed in your account
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi destroy`."""
    made = new_parser("destroy", __doc__, EXAMPLES)
    made.add_argument(
        "--target", choices=("local", "aws"), default="local", help="what to take down (default: local)"
    )
    made.add_argument("--yes", action="store_true", help="do not ask before destroying a deployment on AWS")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Destroy with these arguments; returns the exit status."""
    arguments = parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.targets.aws import AwsTarget
        from cosmic_fmi.experiment.targets.local import LocalTarget
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def local() -> int:
        gone = LocalTarget().destroy(reporter)
        reporter.message(
            "The embedded AWS is gone." if gone else "Nothing to destroy: the embedded AWS is not running."
        )
        return 0

    def aws() -> int:
        if not arguments.yes and not _confirmed():
            reporter.message("Nothing was destroyed. Where nobody can be asked, add --yes.")
            return 1
        gone = AwsTarget().destroy(reporter)
        reporter.message(
            "The deployment on AWS is gone; nothing of it is billed any more."
            if gone
            else "Nothing to destroy: Terraform's state in terraform/ holds nothing. What was deployed from "
            "another folder has to be destroyed from there."
        )
        return 0

    return guarded(local if arguments.target == "local" else aws, reporter)


def _confirmed() -> bool:
    try:
        return input("Destroy everything deployed on AWS, results in S3 included? [yes/no] ") == "yes"
    except EOFError:
        return False
