"""Turn a pickled AstroMAE (a whole model, inside DataParallel or not, or a state dict) into safetensors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.common.extra import install
from cosmic_fmi.common.foreign_text import shown
from inference.core.config import ModelError

SUFFIX = ".safetensors"
EXAMPLE = """\
example:
  cosmic-fmi convert Mixed_Inception.pt --trust
  cosmic-fmi predict --model Mixed_Inception.safetensors --data sample.pt

The code that made the model is not needed. Without --trust this only says what the file refers to.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi convert`."""
    made = new_parser("convert", __doc__, EXAMPLE)
    made.add_argument("model", type=Path, help="what torch.save wrote")
    made.add_argument("--output", type=Path, help="the .safetensors file to write (beside the model)")
    made.add_argument("--heads", type=int, help="attention heads, where the file does not say")
    made.add_argument("--trust", action="store_true", help="read the pickle, once you know where it is from")
    made.add_argument("--export", action="store_true", help="write the ONNX model beside it too")
    return made


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    made = parser()
    given = made.parse_args(argv)
    target = given.output or given.model.with_suffix(SUFFIX)
    if target.suffix != SUFFIX or target.absolute() == given.model.absolute():
        made.error(f"--output {target} must end in {SUFFIX} and not be the model itself")
    return given


def convert(given: argparse.Namespace) -> int:
    """Say what is in the file and, if it is trusted, convert it. Raises ModelError when it is unusable."""
    with loading():
        from inference.checkpoints import checkpoint, pickled
        from inference.core.config import config_from_shapes

    print(f"{given.model} is a pickle that refers to\n{shown(str(pickled.names(given.model)))}", flush=True)
    if not given.trust:
        print("error: nothing was read; add --trust if you know where the file is from.", file=sys.stderr)
        return 1
    found = pickled.load(given.model)
    heads = given.heads or found.heads
    if heads is None:
        raise ModelError(f"{given.model}: does not say how many attention heads it has; give --heads.")
    try:
        config = config_from_shapes({name: tuple(w.shape) for name, w in found.weights.items()}, heads)
        model = checkpoint.build(config, found.weights)
    except ModelError as error:
        raise ModelError(f"{given.model}: {error}") from error
    target = given.output or given.model.with_suffix(".safetensors")
    checkpoint.save(model, target, {"converted_from": given.model.name})
    print(
        f"{target}: {len(found.weights)} weights, "
        f"{config.depth} blocks, {heads} heads, kernel {config.kernel}"
    )
    if given.export:
        from inference.checkpoints.export import export

        print(export(target))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; returns 1 after one sentence on stderr when the file is not trusted or not usable."""
    given = _parse(argv)
    try:
        return convert(given)
    except (ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:  # of --export, after the checkpoint has been written
        print(f"error: {error}; install it with: {install('export')}", file=sys.stderr)
        return 1
