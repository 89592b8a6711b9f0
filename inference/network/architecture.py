"""Which weights an AstroMAE network has, by name and shape: what a checkpoint's file is checked against.

The names are the course's. Nothing here needs torch, so that a checkpoint can be used where it is not loaded.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.config import ModelConfig, ModelError, Shapes

Named = tuple[str, tuple[int, ...]]

ALIASES = {
    f"inception_model.vis_inception.0.{part}": f"inception_model.conv2d_init.{part}"
    for part in ("weight", "bias")
}
"""A convolution that the course's network registers under two names; safetensors stores it once."""

COUNTER = "num_batches_tracked"
"""What batch norms count for training: no weight, but a whole number."""


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every weight of a network's state dict, those under a second name included."""
    found = dict(_all(config))
    return found | {alias: found[name] for alias, name in ALIASES.items()}


def check(given: Shapes, config: ModelConfig) -> None:
    """Raise ModelError listing the weights that are missing, unexpected or of another shape."""
    expected = shapes(config)
    present = set(given) | {alias for alias, name in ALIASES.items() if name in given}
    wrong = {
        "missing": sorted(set(expected) - present),
        "unexpected": sorted(set(given) - set(expected)),
        "of another shape": [n for n in given if n in expected and tuple(given[n]) != expected[n]],
    }
    faults = [f"{kind}: {', '.join(names[:8])}" for kind, names in wrong.items() if names]
    if faults:
        raise ModelError(f"the weights do not fit the AstroMAE architecture; {'; '.join(faults)}.")


def check_numbers(weights: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise ModelError naming the first weight that is not floating point, or not finite."""
    for name, array in weights.items():
        if name.endswith(COUNTER):
            continue
        if array.dtype.kind in "biuc":  # not by what it should be: NumPy takes bfloat16 for no number at all
            raise ModelError(f"the weight {name} is {array.dtype} instead of floating point.")
        if not np.isfinite(array).all():
            raise ModelError(
                f"the weight {name} is not finite, as when a training diverged: use an earlier checkpoint."
            )


def _all(config: ModelConfig) -> Iterator[Named]:
    width, features, magnitude = config.width, config.features, config.magnitude_width
    yield "cls_token", (1, 1, width)
    yield "pos_embed", (1, 1 + config.grid**2, width)
    yield from _layer("patch_embed.proj", width, config.bands, config.patch, config.patch)
    for number in range(config.depth):
        yield from _block(f"blocks.{number}", config)
    yield from _norm("fc_norm", width)
    yield from _layer("head", width, width)
    yield from _inception("inception_model", config)
    for number, inputs in ((0, config.bands), *((number, magnitude) for number in (2, 4, 6, 8))):
        yield from _layer(f"inception_model.magnitude_block.{number}", magnitude, inputs)
    yield from _layer("vit_block.0", features, width)
    yield from _layer("vit_block.2", features, features)
    yield from _layer("concat_block.0", config.fusion_width, 2 * features + magnitude)
    yield from _layer("concat_block.2", 1, config.fusion_width)


def _layer(name: str, outputs: int, *inputs: int) -> Iterator[Named]:
    """A linear layer, or a convolution whose inputs are channels and two sides of the kernel."""
    yield f"{name}.weight", (outputs, *inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> Iterator[Named]:
    yield from ((f"{name}.{part}", (width,)) for part in ("weight", "bias"))


def _batch_norm(name: str, width: int) -> Iterator[Named]:
    yield from _norm(name, width)
    yield from ((f"{name}.{part}", (width,)) for part in ("running_mean", "running_var"))
    yield f"{name}.{COUNTER}", ()


def _block(name: str, config: ModelConfig) -> Iterator[Named]:
    width, hidden, groups, kernel = config.width, config.hidden, config.groups, (config.kernel, config.kernel)
    yield from _norm(f"{name}.norm1", width)
    yield from ((f"{name}.attn.{part}", (width,)) for part in ("q_bias", "v_bias"))
    yield f"{name}.attn.qkv.weight", (3 * width, width)
    yield from _layer(f"{name}.attn.proj", width, width)
    yield from _norm(f"{name}.norm2", width)
    yield from _layer(f"{name}.mlp.fc1", hidden, width)
    yield from _layer(f"{name}.mlp.fc2", width, hidden)
    yield from _layer(f"{name}.PCM.0", hidden, width // groups, *kernel)
    yield from _batch_norm(f"{name}.PCM.1", hidden)
    yield from _layer(f"{name}.PCM.3", width, hidden // groups, *kernel)


def _inception(name: str, config: ModelConfig) -> Iterator[Named]:
    stem = config.inception_width
    half, quarter, eighth = (stem // divisor for divisor in (2, 4, 8))
    yield from _layer(f"{name}.conv2d_init", stem, config.bands, 1, 1)
    blocks = ((2, stem, half), (3, 4 * half, half), (5, 4 * half, quarter), (6, 4 * quarter, quarter))
    for number, inputs, channels in (*blocks, (8, 4 * quarter, eighth)):
        block = f"{name}.vis_inception.{number}"
        yield from _convolution(f"{block}.branch1", inputs, channels, 1)
        for branch, kernel in (("branch2", 3), ("branch3", 5)):
            yield from _convolution(f"{block}.{branch}.0", inputs, channels, 1)
            yield from _convolution(f"{block}.{branch}.1", channels, channels, kernel)
        yield from _convolution(f"{block}.branch4.1", inputs, channels, 1)
    yield from _layer(f"{name}.vis_inception.10", config.features, 3 * eighth * (config.image_size // 8) ** 2)
    yield from _layer(f"{name}.vis_inception.12", config.features, config.features)


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> Iterator[Named]:
    yield from _layer(f"{name}.conv", outputs, inputs, kernel, kernel)
    yield from _batch_norm(f"{name}.bn", outputs)
