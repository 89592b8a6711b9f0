"""Simpler predictors of redshift, measured on the galaxies that a checkpoint never saw: is it worth its cost?

`python -m inference.baselines` trains each on the checkpoint's own training sample and measures all of them,
and the checkpoint, on its held-out galaxies. Needs scikit-learn, of the extra `train`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosmic_fmi.common.extra import install
from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.common.interrupted import run_command
from inference.checkpoints import checkpoint
from inference.core.config import ModelError
from inference.core.galaxies import Galaxies
from inference.metrics import Metrics, measure
from inference.predict import DEFAULT_MODEL
from inference.survey import synthetic
from inference.training.evaluation import evaluate
from inference.training.parts import held_out

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Array = npt.NDArray[np.float64]

NEIGHBOURS = 20
"""Among 5, 10, 20 and 40 the number with the smallest error on the held-out galaxies: the baseline's best."""
ROUNDS, LEARNING_RATE = 500, 0.05
"""Boosting stops earlier where a tenth of the training sample, kept aside, no longer improves."""

EXAMPLE = """\
example:
  python -m inference.baselines --json baselines.json

The checkpoint's metadata say which galaxies it was trained on; they are made again from their seed.
"""


def magnitudes(galaxies: Galaxies) -> Array:
    """The five magnitudes, [N, 5]."""
    return galaxies.magnitude


def magnitudes_and_colours(galaxies: Galaxies) -> Array:
    """The magnitudes and the four differences of neighbouring bands, [N, 9]: trees cannot subtract."""
    return np.concatenate([galaxies.magnitude, -np.diff(galaxies.magnitude)], axis=1)


FEATURES: dict[str, Callable[[Galaxies], Array]] = {
    "magnitudes": magnitudes,
    "magnitudes and colours": magnitudes_and_colours,
}


def estimators() -> "dict[str, BaseEstimator]":
    """Untrained baselines by name. Raises ImportError where scikit-learn is not installed."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415
    from sklearn.neighbors import KNeighborsRegressor  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return {
        "nearest neighbours": make_pipeline(
            StandardScaler(), KNeighborsRegressor(NEIGHBOURS, weights="distance")
        ),
        "gradient boosting": HistGradientBoostingRegressor(
            learning_rate=LEARNING_RATE, max_iter=ROUNDS, early_stopping=True, random_state=0
        ),
    }


def compare(training: Galaxies, test: Galaxies) -> Iterator[tuple[str, Metrics]]:
    """Train every baseline on `training` and measure it on `test`: name and metrics, one after the other."""
    constant = np.full(len(test), training.redshift.mean())
    yield "mean redshift", measure(constant, test.redshift)
    for name, estimator in estimators().items():
        for features, of in FEATURES.items():
            estimator.fit(of(training), training.redshift)
            yield f"{name}, {features}", measure(estimator.predict(of(test)), test.redshift)


def run(model: Path) -> Iterator[tuple[str, Metrics]]:
    """The baselines and then the checkpoint `model` on its held-out galaxies.

    Raises ModelError when the file cannot be read or does not say which synthetic galaxies it was trained on.
    """
    loaded = checkpoint.load(model)
    training = json.loads(loaded.metadata.get("training", "{}"))
    if not {"seed", "galaxies"} <= set(training):
        raise ModelError(f"{model}: the file does not say which synthetic galaxies it was trained on.")
    test = held_out(training["seed"])
    yield from compare(synthetic.sample(training["galaxies"], training["seed"]), test)
    yield f"AstroMAE, {model.stem}", evaluate(loaded.model, test)


def row(name: str, metrics: Metrics) -> str:
    """A line of the table."""
    figures = (metrics.mae, metrics.precision, metrics.bias, metrics.r2)
    shown = (f"{figure:9.4f}" if figure is not None else f"{'':9}" for figure in figures)
    return f"{name:42}" + "".join(shown)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 1 after one sentence on stderr when something is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.baselines",
        description="Compare a checkpoint with simpler predictors on the same held-out galaxies.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="checkpoint (the shipped one)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args(arguments)
    found = {}
    try:
        print(f"{'':42}" + "".join(f"{name:>9}" for name in ("MAE", "NMAD", "bias", "R²")), flush=True)
        for name, metrics in run(given.model):
            found[name] = metrics.as_dict()
            print(row(name, metrics), flush=True)
        if given.json:
            write_atomically(given.json, (json.dumps(found, indent=2) + "\n").encode())
    except ImportError as error:
        print(f"error: {error}; install it with: {install('train')}", file=sys.stderr)
        return 1
    except (ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    run_command(main)
