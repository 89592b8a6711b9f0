"""Pretrain AstroMAE's encoder as a masked autoencoder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.cli.models.training_options import add_options, check_device, parse
from inference.training.recipe import ENCODER, PRETRAINING, SIZES

EXAMPLE = f"""\
example:
  cosmic-fmi pretrain --output results/pretrain

writes {ENCODER}, curves.json, curves.png, and last.pt, from which --resume goes on. Without --data it learns
from the synthetic survey; otherwise from the partitions in the folders train and validation of --data.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi pretrain`."""
    made = new_parser("pretrain", __doc__, EXAMPLE)
    add_options(made, PRETRAINING)
    made.add_argument("--size", choices=tuple(SIZES), default="small", help="of the network (%(default)s)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Learn with these arguments; returns the exit status."""
    made = parser()
    given = parse(made, argv)
    with loading():
        from inference.training import commands

    check_device(made, given)
    return commands.pretrain(given)
