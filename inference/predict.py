"""Redshifts of the galaxies in a file, on this machine: `python -m inference.predict --help`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.common.interrupted import run_command
from inference.core.config import DEFAULT_BATCH_SIZE, DEVICES, ENGINES, PRECISIONS

DEFAULT_MODEL = Path(__file__).parent / "bundle" / "Fine_Tune_Model" / "astromae-small.safetensors"
COMMAND = "python -m inference.predict"
EXAMPLE = """\
example:
  cosmic-fmi sample --output sample.pt
  {command} --data sample.pt --device cpu --output results

writes results/Results.json (timings and metrics under the course's names), results/predictions.parquet
(object_id, z_true, z_pred, rank) and results/inference.png (predicted against true redshift).
"""


def parser(command: str = COMMAND) -> argparse.ArgumentParser:
    """The arguments; `command` is what people type before them."""
    made = argparse.ArgumentParser(
        prog=command,
        description="Predict redshifts of galaxies with AstroMAE.",
        epilog=EXAMPLE.format(command=command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--data", type=Path, required=True, help="a .pt file, or a folder of partitions 1.pt, 2.pt, …")
    add("--model", type=Path, default=DEFAULT_MODEL, help="safetensors, state dict or .onnx (the small one)")
    add("--heads", type=int, help="attention heads, for a checkpoint that does not say")
    add("--engine", choices=ENGINES, default="auto", help="what computes (auto: the fastest installed)")
    add("--device", choices=DEVICES, default="auto", help="where to compute (auto)")
    add("--precision", choices=PRECISIONS, default="fp32", help="bf16 and fp16 need cuda (%(default)s)")
    add("--threads", type=int, help="processor cores to use (all)")
    add("--batch-size", default=str(DEFAULT_BATCH_SIZE), help="galaxies, or auto to measure (%(default)s)")
    add("--output", type=Path, default=Path("results"), help="folder for the results (%(default)s)")
    return made


def parse(arguments: Sequence[str] | None, command: str = COMMAND) -> argparse.Namespace:
    """The arguments; exits with status 2 and a message when they are wrong."""
    made = parser(command)
    given = made.parse_args(arguments)
    if given.batch_size != "auto" and (not given.batch_size.isdecimal() or int(given.batch_size) < 1):
        made.error(f"--batch-size must be at least 1, or auto, not {given.batch_size}")
    for name in ("heads", "threads"):
        if getattr(given, name) is not None and getattr(given, name) < 1:
            made.error(f"--{name} must be at least 1, not {getattr(given, name)}")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    given = parse(arguments)
    # What takes long to import comes after what may be wrong with the arguments.
    from inference.predict_files import run

    return run(given)


if __name__ == "__main__":
    run_command(main)
