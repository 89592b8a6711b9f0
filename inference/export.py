"""Write a checkpoint as an ONNX model, beside it, for inference without torch."""

from pathlib import Path

import onnx

from inference import checkpoint
from inference.exported import SOURCE_KEY, WEIGHTS_SUFFIX, exported_path, fingerprint
from inference.fold import fold
from inference.onnx_graph import build

STORED_APART = 1024
"""Bytes above which a tensor goes into the second file, which onnxruntime maps instead of copying."""


def export(source: Path, heads: int | None = None, target: Path | None = None) -> Path:
    """Write `NAME.onnx` and `NAME.onnx.data` for the checkpoint `NAME.safetensors`; returns the first.

    The model says which checkpoint it comes from. Raises ModelError when the checkpoint is unusable.
    """
    target = target or exported_path(source)
    loaded = checkpoint.load(source, heads)
    weights = {name: tensor.numpy() for name, tensor in loaded.model.state_dict().items()}
    metadata = {**loaded.metadata, SOURCE_KEY: fingerprint(source)}
    model = build(fold(loaded.model.config, weights), metadata)
    weights_file = target.with_name(target.name + WEIGHTS_SUFFIX)
    weights_file.unlink(missing_ok=True)  # onnx appends to a file that is there
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(
        model, target, save_as_external_data=True, location=weights_file.name, size_threshold=STORED_APART
    )
    weights_file.chmod(target.stat().st_mode)  # onnx writes a file that only its owner can read
    return target
