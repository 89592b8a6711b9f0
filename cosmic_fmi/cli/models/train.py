"""Train AstroMAE with a pretrained, frozen encoder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.cli.models.training_options import add_options, check_device, parse
from inference.training.recipe import ENCODER, FINE_TUNING, MODEL

EXAMPLE = f"""\
example:
  cosmic-fmi train --encoder results/pretrain/{ENCODER} --output results/train

writes {MODEL} (for `cosmic-fmi predict --model`), curves.json, curves.png, and last.pt, from which
--resume goes on. Without --data it learns from the synthetic survey; otherwise from the partitions in the
folders train, validation (for early stopping) and test (for the metrics) of --data.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi train`."""
    made = new_parser("train", __doc__, EXAMPLE)
    add_options(made, FINE_TUNING)
    made.add_argument("--encoder", type=Path, required=True, help="what `cosmic-fmi pretrain` wrote")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Learn with these arguments; returns the exit status."""
    made = parser()
    given = parse(made, argv)
    with loading():
        from inference.training import commands

    check_device(made, given)
    return commands.train(given)
