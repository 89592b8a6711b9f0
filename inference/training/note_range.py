"""Note what a checkpoint was trained on beside it: `python -m inference.training.note_range --help`.

Training writes the range of magnitudes and pixels into the checkpoint itself. One from before, or from
elsewhere, gets a file `<name>.range.json`; its weights stay as they are.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.common.interrupted import run_command
from inference.core.config import ModelError
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.core.training_range import TrainingRange, range_path
from inference.data.dataset import read
from inference.survey import synthetic
from inference.training.parts import usable

EXAMPLE = """\
example:
  python -m inference.training.note_range model.safetensors --data prepared/train
  python -m inference.training.note_range inference/bundle/Fine_Tune_Model/astromae-small.safetensors

Without --data it makes the galaxies of the synthetic survey again that the checkpoint says it learned from.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 1 after one sentence on stderr when model or data cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.training.note_range",
        description="Note the range of magnitudes and pixels that a model was trained on.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="a checkpoint")
    parser.add_argument("--data", type=Path, help="folder of the partitions that it was trained on")
    given = parser.parse_args(arguments)
    try:
        parts = _partitions(given.data) if given.data else _survey(given.model)
        found = reduce(TrainingRange.together, map(TrainingRange.of, parts))
        write_atomically(range_path(given.model), (json.dumps(found.as_dict(), indent=2) + "\n").encode())
    except (DataError, ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(range_path(given.model))
    return 0


def _partitions(folder: Path) -> Iterator[Galaxies]:
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".pt", ".safetensors"))
    if not files:
        raise DataError(f"{folder}: holds no .pt or .safetensors files.")
    return (part for file in files if len(part := usable(read(file), str(file))))


def _survey(model: Path) -> Iterator[Galaxies]:
    """The training galaxies of a checkpoint of the synthetic survey."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - not with --data

    try:
        with safe_open(model, framework="numpy") as file:
            training = json.loads((file.metadata() or {}).get("training", "{}"))
        return synthetic.stream(int(training["galaxies"]), int(training["seed"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{model}: does not say which galaxies it learned from; give --data.") from error


if __name__ == "__main__":
    run_command(main)
