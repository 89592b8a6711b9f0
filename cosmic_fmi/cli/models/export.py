"""Write a checkpoint as an ONNX model beside it, for inference without torch."""

import argparse
import sys
from pathlib import Path

from inference.config import ModelError
from inference.exported import SUFFIX, exported_path
from inference.extra import install

EXAMPLE = """\
example:
  python scripts/export_model.py inference/bundle/Fine_Tune_Model/astromae-small.safetensors

writes astromae-small.onnx and astromae-small.onnx.data; onnxruntime needs both, side by side.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 1 after one sentence on stderr when the checkpoint is unusable."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, help="a .safetensors checkpoint, or a .pt state dict")
    parser.add_argument("--heads", type=int, help="attention heads, for a checkpoint that does not say")
    parser.add_argument("--output", type=Path, help="the .onnx file to write (beside the checkpoint)")
    given = parser.parse_args(arguments)
    if given.output is not None and given.output.suffix != SUFFIX:  # the checkpoint itself, for one
        parser.error(f"--output {given.output} must end in {SUFFIX}")
    try:
        from inference.export import export  # noqa: PLC0415 - seconds that --help should not take

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
