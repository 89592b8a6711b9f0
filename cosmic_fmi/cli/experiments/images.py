"""Build both container images with this machine's Docker engine, and show their sizes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading

EXAMPLES = """\
example:
  cosmic-fmi images     before `cosmic-fmi run --containers`, which otherwise builds them itself

The environment variable COSMIC_BUILD_ARGS may hold arguments of the Dockerfiles (NAME=value, separated by
spaces), and DOCKER_BUILD_OPTIONS options of `docker build`.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi images`."""
    return new_parser("images", __doc__, EXAMPLES)


def main(argv: Sequence[str] | None = None) -> int:
    """Build with these arguments; returns the exit status."""
    parser().parse_args(argv)
    with loading():
        from cosmic_fmi.experiment.paths import project_folder
        from cosmic_fmi.experiment.targets import images
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()

    def work() -> int:
        with reporter.step("Building the container images") as step:
            built = images.build(project_folder(), lambda line: step.update(note=line))
            step.update(note="")
        for name, digest in built.items():
            reporter.message(f"cosmic-{name}: {images.megabytes(digest):,.0f} MB (sha256:{digest[:12]})")
        return 0

    return guarded(work, reporter)
