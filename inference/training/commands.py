"""The two commands of training, `scripts/pretrain.py` and `scripts/train.py`."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from inference import checkpoint, training_range
from inference.config import SMALL, ModelConfig, ModelError
from inference.data_error import DataError
from inference.exported import fingerprint
from inference.files import OutputError, make_writable
from inference.training import parts
from inference.training.calibration import calibrate
from inference.training.evaluation import evaluate
from inference.training.finetuning import FineTuning, load_encoder
from inference.training.fitting import STATE, Fit
from inference.training.normalisation import Normalisation
from inference.training.pretraining import Pretraining
from inference.training.recipe import FINE_TUNING, PRECISIONS, PRETRAINING, Recipe

SIZES = {"small": SMALL, "published": ModelConfig()}
GALAXIES = 16_384
"""Synthetic galaxies that the shipped checkpoint was trained on."""

MOST_SEED = 2**53
"""An epoch's own seed is a thousand times as large, and has 64 bits."""

RESUMABLE = "the same command with --resume goes on after the last whole epoch."

ENCODER, MODEL = "encoder.safetensors", "astromae.safetensors"

PRETRAIN_EXAMPLE = f"""\
example:
  python scripts/pretrain.py --output results/pretrain

writes {ENCODER}, curves.json, curves.png, and last.pt, from which --resume goes on. Without --data it learns
from the synthetic survey; otherwise from the partitions in the folders train and validation of --data.
"""
TRAIN_EXAMPLE = f"""\
example:
  python scripts/train.py --encoder results/pretrain/{ENCODER} --output results/train

writes {MODEL} (for python -m inference.predict --model), curves.json, curves.png, and last.pt, from which
--resume goes on. Without --data it learns from the synthetic survey; otherwise from the partitions in the
folders train, validation (for early stopping) and test (for the metrics) of --data.
"""


def pretrain(arguments: list[str] | None = None) -> int:
    """Command line of `scripts/pretrain.py`."""
    parser = _parser(
        "scripts/pretrain.py",
        "Pretrain AstroMAE's encoder as a masked autoencoder.",
        PRETRAIN_EXAMPLE,
        PRETRAINING,
    )
    parser.add_argument("--size", choices=tuple(SIZES), default="small", help="of the network (%(default)s)")
    given = _parse(parser, arguments)
    return _guarded(_pretrain, given)


def train(arguments: list[str] | None = None) -> int:
    """Command line of `scripts/train.py`."""
    parser = _parser(
        "scripts/train.py", "Train AstroMAE with a pretrained, frozen encoder.", TRAIN_EXAMPLE, FINE_TUNING
    )
    parser.add_argument("--encoder", type=Path, required=True, help="what scripts/pretrain.py wrote")
    given = _parse(parser, arguments)
    return _guarded(_train, given)


def _pretrain(given: argparse.Namespace) -> int:
    _claim(given, ENCODER)
    recipe, galaxies = _recipe(given, PRETRAINING), _parts(given)
    torch.manual_seed(recipe.seed)
    task = Pretraining(SIZES[given.size], galaxies, recipe.device)
    fit = Fit(task, recipe, given.output, galaxies.origin | {"size": given.size})
    if not fit.run(resume=given.resume, stop_after=given.stop_after):
        return _stopped(given)
    history: dict[str, object] = {**fit.identity, "best_epoch": fit.best_epoch.number}
    task.save_encoder(given.output / ENCODER, history)
    print(f"{given.output / ENCODER}: validation loss {fit.best_epoch.validation:.4f}")
    return 0


def _train(given: argparse.Namespace) -> int:
    _claim(given, MODEL)
    torch.manual_seed(given.seed)
    pretrained = load_encoder(given.encoder)  # first: galaxies take a while to make
    recipe, galaxies = _recipe(given, FINE_TUNING), _parts(given)
    normalisation = replace(Normalisation.of(galaxies.train), image_scale=pretrained.image_scale)
    task = FineTuning(pretrained.model, normalisation, galaxies, recipe.device)
    # Galaxies are put through the encoder once, at the beginning: a run cannot go on with another one.
    origin = galaxies.origin | {"encoder": fingerprint(given.encoder)}
    fit = Fit(task, recipe, given.output, origin)
    if not fit.run(resume=given.resume, stop_after=given.stop_after):
        return _stopped(given)
    trained = task.raw()
    shift = calibrate(trained, parts.with_redshift(galaxies.validation, "validation"))
    metrics = evaluate(trained, galaxies.test)
    training = galaxies.origin | {
        "pretraining": pretrained.history,
        "fine_tuning": recipe.as_dict() | {"best_epoch": fit.best_epoch.number},
        "normalisation (folded into the weights)": normalisation.as_dict(),
        "calibration (folded into the weights)": shift,
        "held_out": metrics.as_dict(),
        training_range.KEY: training_range.TrainingRange.of(galaxies.train).as_dict(),
    }
    checkpoint.save(trained, given.output / MODEL, training)
    print(f"{given.output / MODEL}: held out {metrics}")
    return 0


def _claim(given: argparse.Namespace, product: str) -> None:
    """Make the output folder; an earlier run's hours of learning are only ever gone on with."""
    make_writable(given.output)
    there = [given.output / name for name in (STATE, product) if (given.output / name).exists()]
    if there and not given.resume:
        raise OutputError(
            f"{there[0]}: an earlier run's; go on with it with --resume, or choose another --output."
        )


def _stopped(given: argparse.Namespace) -> int:
    print(f"Stopped after {given.stop_after} epochs; the same command with --resume goes on.")
    return 0


def _recipe(given: argparse.Namespace, default: Recipe) -> Recipe:
    recipe = replace(
        default,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        patience=given.patience,
        seed=given.seed,
    )
    return recipe.on(given.device, given.precision)


def _parts(given: argparse.Namespace) -> parts.Parts:
    if given.data is not None:
        return parts.folder_parts(given.data)
    print(f"Making {given.galaxies:,} galaxies ...", flush=True)
    return parts.synthetic_parts(given.galaxies, given.seed)


def _parser(name: str, description: str, example: str, recipe: Recipe) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python {name}",
        description=description,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder to write to")
    add("--data", type=Path, help="folder of prepared data instead of synthetic galaxies")
    add("--galaxies", type=_positive, default=GALAXIES, help="synthetic galaxies to train on (%(default)s)")
    add("--epochs", type=_positive, default=recipe.epochs, help="at most (%(default)s)")
    add("--batch-size", type=_positive, default=recipe.batch_size, help="galaxies a step (%(default)s)")
    add("--learning-rate", type=float, default=recipe.learning_rate, help="at its highest (%(default)s)")
    add(
        "--patience", type=_positive, default=recipe.patience, help="epochs without improvement (%(default)s)"
    )
    add("--seed", type=_seed, default=recipe.seed, help="of galaxies and learning (%(default)s)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto)")
    add(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="auto: float16 on cuda, else float32",
    )
    add("--threads", type=_positive, help="processor cores to use (all)")
    add("--resume", action="store_true", help="go on from the last epoch in --output")
    add("--stop-after", type=_positive, metavar="EPOCHS", help="stop early, to go on with --resume")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {MOST_SEED}")
    return int(text)


def _parse(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    given = parser.parse_args(arguments)
    if not 0 < given.learning_rate <= 1:
        parser.error(f"--learning-rate must be above 0 and at most 1, not {given.learning_rate}")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("this machine has no CUDA device that PyTorch can use: choose --device cpu")
    if given.device == "auto":
        given.device = "cuda" if torch.cuda.is_available() else "cpu"
    if (given.device, given.precision) == ("cpu", "float16"):
        parser.error("processors take minutes for a step in float16: choose --precision float32 or bfloat16")
    if given.threads:
        torch.set_num_threads(given.threads)
    return given


def _guarded(work: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    """Run it; one sentence on stderr for what the user can mend, and for Ctrl-C."""
    try:
        return work(given)
    except (DataError, ModelError, OutputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or given.output}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = (given.output / STATE).exists()
        print(f"Interrupted; {RESUMABLE if kept else 'no epoch was whole yet.'}", file=sys.stderr)
        return 130
