"""A checkpoint's weights as NumPy arrays, read from safetensors without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from inference.core.config import ModelConfig, ModelError, config_from_shapes
from inference.network.architecture import check, check_numbers
from inference.network.folding import Weights

SUFFIX = ".safetensors"


class NotForNumPyError(ModelError):
    """The weights are stored in a precision that NumPy does not have."""


@dataclass(frozen=True)
class WeightsFile:
    """A network's sizes, and its weights under their state dict's names."""

    config: ModelConfig
    weights: Weights


def read(path: Path, heads: int | None = None) -> WeightsFile:
    """Read and check a checkpoint; `heads` is for files that do not say how many attention heads there are.

    Raises ModelError with one sentence when the file is damaged or does not fit the architecture, and
    NotForNumPyError for weights in bfloat16 and the like.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            weights = {name: _array(path, file, name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}).") from error
    shapes = {name: array.shape for name, array in weights.items()}
    heads = heads or stored_heads(path, metadata)
    try:
        config = config_from_shapes(shapes, heads)
        check(shapes, config)
        check_numbers(weights)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return WeightsFile(config, weights)


def known_heads(path: Path) -> int | None:
    """The number of attention heads that a checkpoint says it has; None where it does not say."""
    if path.suffix != SUFFIX:
        return None
    with safe_open(path, framework="numpy") as file:
        return _heads(file.metadata() or {})


def stored_heads(path: Path, metadata: Mapping[str, str]) -> int:
    """The number of attention heads, which no weight's shape tells. Raises ModelError where it is missing."""
    heads = _heads(metadata)
    if heads is None:
        raise ModelError(f"{path}: the file does not say how many attention heads it has; give --heads.")
    return heads


def _heads(metadata: Mapping[str, str]) -> int | None:
    text = metadata.get("heads", "")
    return int(text) if text.isdecimal() else None


def _array(path: Path, file: Any, name: str) -> npt.NDArray[np.floating[Any]]:  # noqa: ANN401 - it has no type
    try:
        array: npt.NDArray[np.floating[Any]] = file.get_tensor(name)
    except (TypeError, AttributeError) as error:  # bfloat16; eight bits
        raise NotForNumPyError(
            f"{path}: {name} has a precision that NumPy does not know ({error})."
        ) from error
    return array
