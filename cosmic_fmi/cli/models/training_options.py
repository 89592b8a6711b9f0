"""The options that `cosmic-fmi pretrain` and `cosmic-fmi train` share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import positive
from inference.training.recipe import GALAXIES, PRECISIONS, Recipe

MOST_SEED = 2**53
"""An epoch's own seed is a thousand times as large, and has 64 bits."""


def add_options(parser: argparse.ArgumentParser, recipe: Recipe) -> None:
    """Add them, with the recipe's numbers as defaults."""
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder to write to")
    add("--data", type=Path, help="folder of prepared data instead of synthetic galaxies")
    add("--galaxies", type=positive, default=GALAXIES, help="synthetic galaxies to train on (%(default)s)")
    add("--epochs", type=positive, default=recipe.epochs, help="at most (%(default)s)")
    add("--batch-size", type=positive, default=recipe.batch_size, help="galaxies a step (%(default)s)")
    add("--learning-rate", type=float, default=recipe.learning_rate, help="at its highest (%(default)s)")
    add("--patience", type=positive, default=recipe.patience, help="epochs without improvement (%(default)s)")
    add("--seed", type=_seed, default=recipe.seed, help="of galaxies and learning (%(default)s)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto)")
    add(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="auto: float16 on cuda, else float32",
    )
    add("--threads", type=positive, help="processor cores to use (all)")
    add("--resume", action="store_true", help="go on from the last epoch in --output")
    add("--stop-after", type=positive, metavar="EPOCHS", help="stop early, to go on with --resume")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {MOST_SEED}")
    return int(text)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; what is wrong with them ends with exit status 2 before torch is imported."""
    given = parser.parse_args(argv)
    if not 0 < given.learning_rate <= 1:
        parser.error(f"--learning-rate must be above 0 and at most 1, not {given.learning_rate}")
    if (given.device, given.precision) == ("cpu", "float16"):
        _refuse_float16(parser)
    return given


def check_device(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Choose the device where nobody has; ends with exit status 2 where the arguments ask for one in vain."""
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no CUDA device that PyTorch can use: choose --device cpu")
    if given.device == "auto":
        given.device = "cuda" if torch.cuda.is_available() else "cpu"
    if (given.device, given.precision) == ("cpu", "float16"):
        _refuse_float16(parser)


def _refuse_float16(parser: argparse.ArgumentParser) -> None:
    parser.error("processors take minutes for a step in float16: choose --precision float32 or bfloat16")
