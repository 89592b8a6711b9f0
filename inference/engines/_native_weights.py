"""The folded network's weights as the native kernels read them: one buffer, in the order of computation.

`inference/engines/kernels/astromae.c` walks through the buffer, so the order here is the order there.
Everything begins on a multiple of 64 bytes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.config import ModelConfig
from inference.network.folding import Array, Block, Folded, Inception, Layer

COLUMNS = 16
"""Columns of a panel, and the numbers in 64 bytes: COLUMNS of kernels/product.h."""
LANES = 8
"""Numbers in a vector: LANES of kernels/vector.h."""

Numbers = npt.NDArray[np.floating[Any]]


def pack(network: Folded) -> Array:
    """All weights of a network whose convolution kernel is 1, as one aligned array."""
    parts = list(_network(network))
    starts = np.cumsum([0, *(_rounded(part.size, COLUMNS) for part in parts)])
    room = np.zeros(starts[-1] + COLUMNS, np.float32)
    skip = -room.ctypes.data % 64 // room.itemsize
    packed = room[skip : skip + starts[-1]]
    for start, part in zip(starts[:-1], parts, strict=True):
        packed[start : start + part.size] = part.reshape(-1)
    return packed


def _network(network: Folded) -> Iterator[Numbers]:
    config = network.config
    order = _order(config)
    nothing = np.zeros(config.width, np.float32)
    yield network.positions[:, order]
    yield from _linear(Layer(network.patches[order], nothing))
    *blocks, last = network.blocks
    for block in blocks:
        yield from _block(config, block, order)
        yield from _linear(_writing(block.fc2, order))
    yield from _block(config, last, order)
    # The pooling after the first convolution was folded into it; the kernels pool first.
    yield from _linear(Layer(network.stem.weight.sum((2, 3)), network.stem.bias))
    for inception in network.inceptions:
        yield from _inception(inception)
    yield from _linear(_writing(last.fc2, order))
    yield from _linear(_reading(network.encoder_out, order))
    yield from _linear(_channels_together(network))
    for layer in (*network.magnitude, network.fusion, network.out):
        yield from _linear(layer)


def _order(config: ModelConfig) -> npt.NDArray[np.intp]:
    """Channels of the tokens so that the same channel of all groups of PCM lies together."""
    return np.arange(config.width).reshape(config.groups, -1).T.reshape(-1)


def _reading(layer: Layer, order: npt.NDArray[np.intp]) -> Layer:
    return Layer(layer.weight[:, order], layer.bias)


def _writing(layer: Layer, order: npt.NDArray[np.intp]) -> Layer:
    return Layer(layer.weight[order], layer.bias[order])


def _block(config: ModelConfig, block: Block, order: npt.NDArray[np.intp]) -> Iterator[Numbers]:
    """All of a block but the last linear layer of its MLP."""
    share = np.float32((config.width // config.heads) ** -0.5)
    query = Layer(block.query.weight * share, block.query.bias * share)
    yield from _linear(_reading(_below(query, block.key, block.value), order))
    yield from _pcm(config, block)
    yield from _linear(_writing(block.proj, order))
    yield from _linear(_reading(block.fc1, order))


def _below(*layers: Layer) -> Layer:
    """Layers that read the same, as one."""
    weights, biases = zip(*((layer.weight, layer.bias) for layer in layers), strict=True)
    return Layer(np.concatenate(weights), np.concatenate(biases))


def _pcm(config: ModelConfig, block: Block) -> Iterator[Numbers]:
    """Groups along the last axis: what one vector holds is the same channel of eight groups."""
    groups, outer, inner = config.groups, config.width // config.groups, config.hidden // config.groups
    expand = block.expand.weight.reshape(groups, inner, outer).transpose(1, 2, 0)
    contract = block.contract.weight.reshape(groups, outer, inner).transpose(2, 1, 0)
    for array in (
        expand,
        block.expand.bias.reshape(groups, inner).T,
        contract,
        block.contract.bias.reshape(groups, outer).T,
    ):
        edges = [(0, 0)] * (array.ndim - 1) + [(0, -groups % LANES)]
        yield np.pad(array, edges)


def _inception(block: Inception) -> Iterator[Numbers]:
    first, *rest = block.ones
    yield from _convolution(first)
    for narrow, wide in zip(rest, (block.three, block.five), strict=False):
        assert wide is not None  # noqa: S101 - as many as there are narrow ones
        yield from _convolution(narrow)
        yield from _convolution(wide)
    yield from _convolution(block.pool)


def _convolution(layer: Layer) -> Iterator[Numbers]:
    """A kernel's lines one after the other, channels together, as a pixel's are."""
    return _linear(Layer(layer.weight.transpose(0, 2, 3, 1).reshape(len(layer.bias), -1), layer.bias))


def _channels_together(network: Folded) -> Layer:
    """The first dense layer after the convolutions, reading pixels instead of channels one after another."""
    layer, side = network.inception_out, network.config.image_size // 8
    weight = layer.weight.reshape(len(layer.bias), -1, side, side).transpose(0, 2, 3, 1)
    return Layer(weight.reshape(len(layer.bias), -1), layer.bias)


def _linear(layer: Layer) -> Iterator[Numbers]:
    """The bias, and the weights in panels of 16 outputs with the inputs one after the other."""
    outputs, inputs = layer.weight.shape
    missing = -outputs % COLUMNS
    yield layer.bias
    # Whole panels are only looked at in another order: a copy of all would double the memory of a cold start.
    padded = np.pad(layer.weight, ((0, missing), (0, 0))) if missing else layer.weight
    yield padded.reshape(-1, COLUMNS, inputs).transpose(0, 2, 1)


def _rounded(count: int, step: int) -> int:
    return -(-count // step) * step
