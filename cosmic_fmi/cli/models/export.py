"""Write a checkpoint as an ONNX model beside it, for inference without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.common.extra import install
from inference.checkpoints.exported import SUFFIX, exported_path
from inference.core.config import ModelError

EXAMPLE = """\
example:
  cosmic-fmi export inference/bundle/Fine_Tune_Model/astromae-small.safetensors

writes astromae-small.onnx and astromae-small.onnx.data; onnxruntime needs both, side by side.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi export`."""
    made = new_parser("export", __doc__, EXAMPLE)
    made.add_argument("checkpoint", type=Path, help="a .safetensors checkpoint, or a .pt state dict")
    made.add_argument("--heads", type=int, help="attention heads, for a checkpoint that does not say")
    made.add_argument("--output", type=Path, help="the .onnx file to write (beside the checkpoint)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Export; returns 1 after one sentence on stderr when the checkpoint is unusable."""
    made = parser()
    given = made.parse_args(argv)
    if given.output is not None and given.output.suffix != SUFFIX:  # the checkpoint itself, for one
        made.error(f"--output {given.output} must end in {SUFFIX}")
    try:
        with loading():
            from inference.checkpoints.export import export

        print(export(given.checkpoint, given.heads, given.output))
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {error}; install it with: {install('export')}", file=sys.stderr)
        return 1
    except OSError as error:
        # A full disk gives no name.
        place = error.filename or given.output or exported_path(given.checkpoint)
        print(f"error: cannot write {place}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0
