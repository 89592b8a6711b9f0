"""AstroMAE's weights rearranged for inference: the same function with less to compute.

Everything here is exact algebra, carried out in double precision:

- Batch norms, and the scales and shifts of layer norms, go into the linear layer beside them.
- Linear layers with nothing between them become one: `head` with `vit_block.0`, and the last layer of each of
  the three branches with `concat_block.0`.
- The first convolution and the average pooling after it become one convolution with stride 2.

`with_wide_groups` is for libraries: it joins groups of fewer channels than a vector register holds, with
zeros between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from inference.core.config import ModelConfig

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.floating]]

BATCH_NORM_EPSILON = 1e-5
"""PyTorch's default, which the course's network keeps."""
REGISTER = 8
"""Numbers of single precision in a vector register of 256 bits."""


@dataclass(frozen=True)
class Layer:
    """A linear layer, weight [out, in], or a convolution, weight [out, in/groups, k, k]; bias [out]."""

    weight: Array
    bias: Array

    @classmethod
    def of(cls, weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]) -> "Layer":
        """In single precision, laid out in order."""
        return cls(np.ascontiguousarray(weight, np.float32), np.ascontiguousarray(bias, np.float32))


@dataclass(frozen=True)
class Block:
    """One transformer block; its layer norms have neither scale nor shift any more."""

    query: Layer
    key: Layer
    value: Layer
    proj: Layer
    fc1: Layer
    fc2: Layer
    expand: Layer
    contract: Layer
    groups: int


@dataclass(frozen=True)
class Inception:
    """One Inception block: `ones` are branch 1 and the beginnings of branches 2 and (if there is one) 3."""

    ones: list[Layer]
    three: Layer
    five: Layer | None
    pool: Layer

    @property
    def channels(self) -> int:
        """Channels of each branch."""
        return len(self.three.bias)


@dataclass(frozen=True)
class Folded:
    """The whole network. `positions` [1 + n², width] holds the class token in its first row."""

    config: ModelConfig
    patches: Array
    positions: Array
    blocks: list[Block]
    encoder_out: Layer
    stem: Layer
    inceptions: list[Inception]
    inception_out: Layer
    magnitude: list[Layer]
    fusion: Layer
    out: Layer


class _Reader:
    """Weights by name, in double precision."""

    def __init__(self, weights: Weights, prefix: str = "") -> None:
        self.weights, self.prefix = weights, prefix

    def __call__(self, name: str) -> npt.NDArray[np.float64]:
        return np.asarray(self.weights[self.prefix + name], np.float64)

    def below(self, prefix: str) -> "_Reader":
        return _Reader(self.weights, f"{self.prefix}{prefix}.")


def fold(config: ModelConfig, weights: Weights) -> Folded:
    """Rearrange the weights of an AstroMAE of this configuration, given under their state dict's names."""
    read = _Reader(weights)
    positions = read("pos_embed")[0].copy()
    positions[0] += read("cls_token")[0, 0]
    positions[1:] += read("patch_embed.proj.bias")
    branch = read.below("inception_model")
    return Folded(
        config,
        patches=np.ascontiguousarray(read("patch_embed.proj.weight").reshape(config.width, -1), np.float32),
        positions=np.ascontiguousarray(positions, np.float32),
        blocks=[_block(config, read.below(f"blocks.{number}")) for number in range(config.depth)],
        encoder_out=_encoder_out(read),
        stem=_stem(branch.below("conv2d_init")),
        inceptions=[_inception(branch.below(f"vis_inception.{n}"), five=n != 8) for n in (2, 3, 5, 6, 8)],
        inception_out=_layer(branch.below("vis_inception.10")),
        magnitude=[_layer(branch.below(f"magnitude_block.{number}")) for number in (0, 2, 4, 6)],
        fusion=_fusion(read),
        out=_layer(read.below("concat_block.2")),
    )


def _layer(read: _Reader) -> Layer:
    return Layer.of(read("weight"), read("bias"))


def _after_norm(norm: _Reader, weight: npt.NDArray[np.float64], bias: npt.NDArray[np.float64]) -> Layer:
    """A linear layer that takes over the scale and shift of the layer norm in front of it."""
    return Layer.of(weight * norm("weight"), bias + weight @ norm("bias"))


def _block(config: ModelConfig, read: _Reader) -> Block:
    no_bias = np.zeros(config.width)
    biases = (read("attn.q_bias"), no_bias, read("attn.v_bias"))
    parts = np.split(read("attn.qkv.weight"), 3)
    norm = read.below("norm1")
    query, key, value = (_after_norm(norm, *pair) for pair in zip(parts, biases, strict=True))
    expand = _before_batch_norm(read.below("PCM.0"), read.below("PCM.1"))
    contract = _layer(read.below("PCM.3"))
    return Block(
        query,
        key,
        value,
        proj=_layer(read.below("attn.proj")),
        fc1=_after_norm(read.below("norm2"), read("mlp.fc1.weight"), read("mlp.fc1.bias")),
        fc2=_layer(read.below("mlp.fc2")),
        expand=expand,
        contract=contract,
        groups=config.groups,
    )


def _before_batch_norm(convolution: _Reader, norm: _Reader) -> Layer:
    scale = norm("weight") / np.sqrt(norm("running_var") + BATCH_NORM_EPSILON)
    weight = convolution("weight") * scale[:, None, None, None]
    return Layer.of(weight, (convolution("bias") - norm("running_mean")) * scale + norm("bias"))


def with_wide_groups(block: Block) -> Block:
    """The same block with neighbouring groups of PCM joined until each has at least a register's channels."""
    while block.expand.weight.shape[1] < REGISTER and block.groups % 2 == 0:
        expand, contract = (_join(layer, block.groups) for layer in (block.expand, block.contract))
        block = replace(block, expand=expand, contract=contract, groups=block.groups // 2)
    return block


def _join(layer: Layer, groups: int) -> Layer:
    """A grouped convolution with every two neighbouring groups made one."""
    outputs, inputs, *kernel = layer.weight.shape
    joined = np.zeros((groups // 2, 2, outputs // groups, 2, inputs, *kernel), np.float32)
    pairs = layer.weight.reshape(groups // 2, 2, outputs // groups, inputs, *kernel)
    for half in (0, 1):
        joined[:, half, :, half] = pairs[:, half]
    return Layer(joined.reshape(outputs, 2 * inputs, *kernel), layer.bias)


def _encoder_out(read: _Reader) -> Layer:
    head, first = read.below("head"), read.below("vit_block.0")
    bias = first("weight") @ head("bias") + first("bias")
    return _after_norm(read.below("fc_norm"), first("weight") @ head("weight"), bias)


def _stem(read: _Reader) -> Layer:
    """A 1x1 convolution and 2x2 average pooling after it, as one 2x2 convolution with stride 2."""
    return Layer.of(np.tile(read("weight") / 4, (1, 1, 2, 2)), read("bias"))


def _inception(read: _Reader, five: bool) -> Inception:
    def folded(name: str) -> Layer:
        part = read.below(name)
        return _before_batch_norm(part.below("conv"), part.below("bn"))

    return Inception(
        [folded(name) for name in ("branch1", "branch2.0", "branch3.0")[: 3 if five else 2]],
        three=folded("branch2.1"),
        five=folded("branch3.1") if five else None,
        pool=folded("branch4.1"),
    )


def _fusion(read: _Reader) -> Layer:
    """The first layer over all branches, with the last layer of each branch in it."""
    names = ("vit_block.2", "inception_model.vis_inception.12", "inception_model.magnitude_block.8")
    lasts = [read.below(name) for name in names]
    widths = [len(last("bias")) for last in lasts]
    parts = np.split(read("concat_block.0.weight"), np.cumsum(widths)[:-1], axis=1)
    pairs = list(zip(parts, lasts, strict=True))
    weight = np.concatenate([part @ last("weight") for part, last in pairs], axis=1)
    return Layer.of(weight, read("concat_block.0.bias") + sum(part @ last("bias") for part, last in pairs))
