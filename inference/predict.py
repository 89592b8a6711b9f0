"""Redshifts of the galaxies in a file, on this machine: `python -m inference.predict --help`."""

import argparse
import json
import sys
import time
from pathlib import Path

from inference import checkpoint, engine, plots
from inference.config import DEFAULT_BATCH_SIZE, ModelError
from inference.data_error import DataError
from inference.dataset import read
from inference.metrics import Metrics, measure
from inference.partitions import partition_files
from inference.results import Predictions, course_keys

DEFAULT_MODEL = Path(__file__).parent / "bundle" / "Fine_Tune_Model" / "astromae-small.safetensors"
EXAMPLE = """\
example:
  python scripts/make_sample.py --output sample.pt
  python -m inference.predict --data sample.pt --device cpu --output results

writes results/Results.json (timings and metrics under the course's names), results/predictions.parquet
(object_id, z_true, z_pred, rank) and results/inference.png (predicted against true redshift).
"""


def arguments_from(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.predict",
        description="Predict redshifts of galaxies with AstroMAE.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a .pt file, or a folder of partitions 1.pt, 2.pt, …"
    )
    parser.add_argument(
        "--model", type=Path, default=DEFAULT_MODEL, help="safetensors checkpoint (the small one)"
    )
    parser.add_argument("--heads", type=int, help="attention heads, for a checkpoint that does not say")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto)"
    )
    parser.add_argument("--batch-size", type=int, default=DEFAULT_BATCH_SIZE, help="galaxies (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("results"), help="folder for the results (%(default)s)"
    )
    given = parser.parse_args(arguments)
    if given.batch_size < 1:
        parser.error(f"--batch-size must be at least 1, not {given.batch_size}")
    if given.heads is not None and given.heads < 1:
        parser.error(f"--heads must be at least 1, not {given.heads}")
    try:
        given.device = engine.choose_device(given.device)
    except ValueError as error:
        parser.error(str(error))
    return given


def predict(given: argparse.Namespace) -> Metrics:
    """Run the command that `arguments_from` understood; raises DataError or ModelError with one sentence."""
    started = time.perf_counter()
    model = checkpoint.load(given.model, given.heads).model.to(given.device)
    files = partition_files(given.data) if given.data.is_dir() else [given.data]
    run, predictions, reading = engine.Run(), Predictions.none(), 0.0
    for path in files:
        before = time.perf_counter()
        galaxies = read(path)
        reading += time.perf_counter() - before
        part = engine.predict(model, galaxies, given.batch_size, given.device)
        predictions += Predictions.of(galaxies, part)
        run += part
    metrics = measure(predictions.z_pred, predictions.z_true)
    result = course_keys(run, given.batch_size, given.device) | {
        "rank": 0,
        "world_size": 1,
        "result_path": str(given.output),
        "data_path": str(given.data),
        "download_time (seconds)": reading,
        "total_time (seconds)": time.perf_counter() - started,
        "metrics": metrics.as_dict(),
        **metrics.as_dict(),
    }
    _write(given.output, result, predictions, metrics)
    return metrics


def _write(folder: Path, result: dict[str, object], predictions: Predictions, metrics: Metrics) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Results.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / "predictions.parquet").write_bytes(predictions.parquet())
    if metrics.num_samples:
        plots.scatter(predictions.z_true, predictions.z_pred, metrics, folder / "inference.png")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 1 after one sentence on stderr when data, model or output are unusable."""
    given = arguments_from(arguments)
    try:
        metrics = predict(given)
    except (DataError, ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{metrics}; results in {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
