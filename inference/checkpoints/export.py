"""Write a checkpoint as an ONNX model, beside it, for inference without torch."""

import tempfile
from pathlib import Path

import onnx

from inference.checkpoints import checkpoint
from inference.checkpoints.exported import (
    HEADS_KEY,
    SOURCE_KEY,
    WEIGHTS_FINGERPRINT_KEY,
    WEIGHTS_KEY,
    WEIGHTS_SUFFIX,
    exported_path,
    fingerprint,
)
from inference.network.folded_onnx import build
from inference.network.folding import fold

STORED_APART = 1024
"""Bytes above which a tensor goes into the second file, which onnxruntime maps instead of copying."""


def export(source: Path, heads: int | None = None, target: Path | None = None) -> Path:
    """Write `NAME.onnx` and `NAME.onnx.data` for the checkpoint `NAME.safetensors`; returns the first.

    The model says which checkpoint it comes from, and which weights are its own. Raises ModelError when the
    checkpoint is unusable.
    """
    target = target or exported_path(source)
    loaded = checkpoint.load(source, heads)
    weights = {name: tensor.numpy() for name, tensor in loaded.model.state_dict().items()}
    config = loaded.model.config
    metadata = {**loaded.metadata, HEADS_KEY: str(config.heads), SOURCE_KEY: fingerprint(source)}
    model = build(fold(config, weights), metadata)
    target.parent.mkdir(parents=True, exist_ok=True)
    _save(model, target)
    return target


def _save(model: onnx.ModelProto, target: Path) -> None:
    """Write both files, or none: an earlier model is gone before its weights are others."""
    weights_file = target.with_name(target.name + WEIGHTS_SUFFIX)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        made, weights = Path(folder, target.name), Path(folder, weights_file.name)
        onnx.save_model(
            model, made, save_as_external_data=True, location=weights.name, size_threshold=STORED_APART
        )
        _note_weights(made, weights)
        weights.chmod(made.stat().st_mode)  # onnx writes a file that only its owner can read
        target.unlink(missing_ok=True)
        weights.replace(weights_file)
        made.replace(target)


def _note_weights(made: Path, weights: Path) -> None:
    """Say in the model which file its weights are in: another's may have as many of the same shapes."""
    model = onnx.ModelProto.FromString(made.read_bytes())
    for key, value in ((WEIGHTS_KEY, weights.name), (WEIGHTS_FINGERPRINT_KEY, fingerprint(weights))):
        model.metadata_props.add(key=key, value=value)
    made.write_bytes(model.SerializeToString())
