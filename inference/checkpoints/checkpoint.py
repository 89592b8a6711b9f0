"""AstroMAE checkpoints: safetensors, with what shapes cannot tell in the metadata, or a .pt state dict."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as encode
from torch import Tensor

from cosmic_fmi.common.files import write_atomically
from inference.checkpoints.weights import stored_heads
from inference.core.config import ModelConfig, ModelError, config_from_shapes
from inference.network.architecture import ALIASES, check, check_numbers
from inference.network.astromae import AstroMAE

FORMAT = "astromae-1"


@dataclass(frozen=True)
class Checkpoint:
    """A network in eval mode and the metadata that its file carries."""

    model: AstroMAE
    metadata: Mapping[str, str]


def save(model: AstroMAE, path: Path, training: Mapping[str, object]) -> None:
    """Write the weights of `model` and its configuration; `training` (JSON values) says how it came."""
    tensors = {
        name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in ALIASES
    }
    metadata = {
        "format": FORMAT,
        "heads": str(model.config.heads),
        "config": json.dumps(model.config.as_dict()),
        "training": json.dumps(dict(training)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, encode(tensors, metadata))


def load(path: Path, heads: int | None = None) -> Checkpoint:
    """Load a checkpoint for inference (eval mode, no gradients, on the CPU): safetensors or a .pt state dict.

    Sizes are derived from the weights; the number of heads comes from `heads` or the file's metadata. Raises
    ModelError with one sentence when the file is missing, damaged or does not fit the architecture. A file
    that has not changed since is not read again, so that a warm Lambda environment pays once.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model file ({error.strerror}).") from error
    return _load(path, heads, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1)
def _load(path: Path, heads: int | None, _mtime_ns: int, _size: int) -> Checkpoint:
    tensors, metadata = _read(path)
    heads = heads or stored_heads(path, metadata)
    try:
        config = config_from_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}, heads)
        model = build(config, tensors)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return Checkpoint(model, metadata)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if path.suffix in (".pt", ".pth"):
        return _state_dict(path), {}
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}).") from error


def _state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from torch.save; nothing in the file is run."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file can make the unpickler stumble in any way.
    except Exception as error:
        raise ModelError(
            f"{path}: not a readable state dict; `cosmic-fmi convert` converts pickled models."
        ) from error
    return plain_names(loaded, path)


def plain_names(loaded: object, path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict, without the prefix that DataParallel adds. Raises ModelError otherwise."""
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ModelError(f"{path}: holds no state dict, which is a dictionary of tensors.")
    return {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}


def build(config: ModelConfig, tensors: Mapping[str, Tensor]) -> AstroMAE:
    """A network in eval mode with the given weights, in single precision whatever they are stored in.

    Raises ModelError listing the weights that are missing, unexpected or of another shape, or naming one that
    is not finite or not floating point.
    """
    with torch.device("meta"):  # no time is spent on initial values that are replaced at once
        model = AstroMAE(config)
    check({name: tuple(tensor.shape) for name, tensor in tensors.items()}, config)
    single = {name: _single(tensor.detach()) for name, tensor in tensors.items()}
    check_numbers({name: tensor.numpy() for name, tensor in single.items()})
    given = single | {alias: single[name] for alias, name in ALIASES.items()}
    model.load_state_dict({name: _channels_last(given[name]) for name in given}, assign=True)
    # Assigning gives each name its own parameter; tie the shared convolution again.
    model.inception_model.vis_inception[0] = model.inception_model.conv2d_init
    return model.eval().requires_grad_(False)


def _single(weights: Tensor) -> Tensor:
    return weights.float() if weights.is_floating_point() else weights


def _channels_last(weights: Tensor) -> Tensor:
    """Kernels whose channels lie next to each other: on a CPU such a convolution takes half the time."""
    return weights.contiguous(memory_format=torch.channels_last) if weights.dim() == 4 else weights
