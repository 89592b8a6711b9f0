"""The work of `cosmic-fmi pretrain` and `cosmic-fmi train`, from parsed arguments to an exit status."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

import torch

from cosmic_fmi.common.files import OutputError, make_writable
from inference.checkpoints import checkpoint
from inference.checkpoints.exported import fingerprint
from inference.core.config import ModelError
from inference.core.errors import DataError
from inference.training import parts
from inference.training.calibration import calibrate
from inference.training.evaluation import evaluate
from inference.training.finetuning import FineTuning, load_encoder
from inference.training.fitting import STATE, Fit
from inference.training.normalisation import Normalisation
from inference.training.pretraining import Pretraining
from inference.training.recipe import ENCODER, FINE_TUNING, MODEL, PRETRAINING, SIZES, Recipe

RESUMABLE = "the same command with --resume goes on after the last whole epoch."


def pretrain(given: argparse.Namespace) -> int:
    """Pretrain the encoder as the arguments of `cosmic-fmi pretrain` say; returns the exit status."""
    return _guarded(_pretrain, given)


def train(given: argparse.Namespace) -> int:
    """Train with a pretrained encoder as the arguments of `cosmic-fmi train` say; returns the exit status."""
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


def _guarded(work: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    """Run it; one sentence on stderr for what the user can mend, and for Ctrl-C."""
    if given.threads:
        torch.set_num_threads(given.threads)
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
