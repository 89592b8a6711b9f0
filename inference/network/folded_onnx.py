"""The folded network as an ONNX graph, for onnxruntime: any number of galaxies at a time.

Tokens of all galaxies lie below each other, [B (1 + n²), width], so that linear layers are plain matrix
products. Two operators are onnxruntime's own (domain com.microsoft), because each does in one pass over
memory what takes several otherwise: attention, and SiLU (QuickGelu with alpha 1).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.core.config import NORM_EPSILON, ModelConfig
from inference.network.folding import Block, Folded, Inception, Layer, with_wide_groups

OPSET = 20
IR_VERSION = 10
ORT = "com.microsoft"


class _Graph:
    """Nodes and constants, in the order of computation; values are handed around by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.count = 0

    def add(  # an attribute is a number or a list of numbers
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: int = 1,
        domain: str = "",
        **attributes: Any,  # noqa: ANN401
    ) -> list[str]:
        """One node; returns the names of its outputs."""
        self.count += 1
        names = [f"{kind}_{self.count}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def one(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """One node with one output."""
        return self.add(kind, inputs, 1, domain, **attributes)[0]

    def constant(self, array: npt.NDArray[np.generic]) -> str:
        """Weights, or the small arrays that say shapes; the latter are stored once."""
        name = f"c{len(self.constants)}" if array.size > 16 else f"c{array.dtype}{array.tolist()}"
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def shaped(self, value: str, *shape: int) -> str:
        """Reshape; 0 keeps a dimension and -1 is what remains."""
        return self.one("Reshape", value, self.constant(np.array(shape, np.int64)))

    def linear(self, value: str, layer: Layer) -> str:
        """A linear layer of [rows, in]."""
        return self.one("Gemm", value, self.constant(layer.weight), self.constant(layer.bias), transB=1)

    def convolve(self, value: str, layer: Layer, groups: int = 1) -> str:
        """A convolution that keeps the size of the image."""
        edge = layer.weight.shape[-1] // 2
        inputs = (value, self.constant(layer.weight), self.constant(layer.bias))
        return self.one("Conv", *inputs, group=groups, pads=[edge] * 4)

    def norm(self, value: str, width: int) -> str:
        """Layer norm of [rows, width] with neither scale nor shift."""
        unit = self.constant(np.ones(width, np.float32))
        return self.one("LayerNormalization", value, unit, axis=-1, epsilon=NORM_EPSILON)

    def without_class(self, value: str) -> str:
        """[B, 1 + n, width] to [B, n, width]."""
        start, end, axis = (self.constant(np.array([n], np.int64)) for n in (1, np.iinfo(np.int64).max, 1))
        return self.one("Slice", value, start, end, axis)

    def mean_of_tokens(self, value: str) -> str:
        """[B, n, width] to [B, width]."""
        return self.one("ReduceMean", value, self.constant(np.array([1], np.int64)), keepdims=0)


def build(network: Folded, metadata: dict[str, str]) -> onnx.ModelProto:
    """A model from image float32 [B, bands, S, S] and magnitude float32 [B, bands] to redshift [B]."""
    graph, config = _Graph(), network.config
    seen = _encoder(graph, network)
    looked = _inception_branch(graph, network)
    bright = "magnitude"
    for layer in network.magnitude:
        bright = graph.one("Relu", graph.linear(bright, layer))
    together = graph.one("Concat", seen, looked, bright, axis=1)
    fused = graph.one("Relu", graph.linear(together, network.fusion))
    graph.nodes.append(
        helper.make_node(
            "Squeeze",
            [graph.linear(fused, network.out), graph.constant(np.array([1], np.int64))],
            ["redshift"],
        )
    )
    inputs: dict[str, list[str | int | None]] = {
        "image": ["B", config.bands, config.image_size, config.image_size],
        "magnitude": ["B", config.bands],
    }
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "AstroMAE",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info("redshift", TensorProto.FLOAT, ["B"])],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ORT, 1)],
        ir_version=IR_VERSION,
        producer_name="cosmic-fmi",
    )
    helper.set_model_props(model, metadata)
    return model


def _encoder(graph: _Graph, network: Folded) -> str:
    config = network.config
    patches = config.grid**2
    tokens = graph.shaped(_embed(graph, network), -1, config.width)
    for block in network.blocks[:-1]:
        tokens = _mix(graph, config, block, tokens)
        change = graph.linear(_hidden(graph, block, graph.norm(tokens, config.width)), block.fc2)
        tokens = graph.one("Add", tokens, change)
    last = network.blocks[-1]
    tokens = graph.shaped(_mix(graph, config, last, tokens), -1, 1 + patches, config.width)
    tokens = graph.shaped(graph.without_class(tokens), -1, config.width)
    hidden = _hidden(graph, last, graph.norm(tokens, config.width))
    means = (
        graph.mean_of_tokens(graph.shaped(value, -1, patches, width))
        for value, width in ((tokens, config.width), (hidden, config.hidden))
    )
    # The mean over tokens changes places with the last linear layer, which then has one row to multiply.
    pooled = graph.one("Add", next(means), graph.linear(next(means), last.fc2))
    return graph.one("Relu", graph.linear(graph.norm(pooled, config.width), network.encoder_out))


def _embed(graph: _Graph, network: Folded) -> str:
    """Patches of the image, projected, behind an empty row to which the positions add the class token."""
    config = network.config
    n, p = config.grid, config.patch
    cut = graph.shaped("image", 0, config.bands, n, p, n, p)
    rows = graph.shaped(graph.one("Transpose", cut, perm=[0, 2, 4, 1, 3, 5]), 0, n * n, config.bands * p * p)
    projected = graph.one("MatMul", rows, graph.constant(np.ascontiguousarray(network.patches.T)))
    padded = graph.one("Pad", projected, graph.constant(np.array([0, 1, 0, 0, 0, 0], np.int64)))
    return graph.one("Add", padded, graph.constant(network.positions))


def _mix(graph: _Graph, config: ModelConfig, block: Block, tokens: str) -> str:
    """The tokens after attention and convolution side by side."""
    normed = graph.norm(tokens, config.width)
    parts = [
        graph.shaped(graph.linear(normed, layer), -1, 1 + config.grid**2, config.width)
        for layer in (block.query, block.key, block.value)
    ]
    attended = graph.one("MultiHeadAttention", *parts, domain=ORT, num_heads=config.heads)
    attended = graph.linear(graph.shaped(attended, -1, config.width), block.proj)
    local = _convolution_branch(graph, config, block, tokens)
    return graph.one("Add", graph.one("Add", tokens, attended), graph.shaped(local, -1, config.width))


def _hidden(graph: _Graph, block: Block, normed: str) -> str:
    return graph.one("Gelu", graph.linear(normed, block.fc1))


def _convolution_branch(graph: _Graph, config: ModelConfig, block: Block, tokens: str) -> str:
    """PCM; nothing for the class token."""
    if config.kernel == 1:
        # Neighbours do not matter, so all tokens of all galaxies are one long image.
        image = graph.shaped(graph.one("Transpose", tokens, perm=[1, 0]), 1, config.width, -1, 1)
        mixed = graph.shaped(_convolutions(graph, block, image), config.width, -1, 1 + config.grid**2)
        shown = np.ones((1 + config.grid**2, 1), np.float32)
        shown[0] = 0
        return graph.one("Mul", graph.one("Transpose", mixed, perm=[1, 2, 0]), graph.constant(shown))
    tokens = graph.shaped(tokens, -1, 1 + config.grid**2, config.width)
    turned = graph.one("Transpose", graph.without_class(tokens), perm=[0, 2, 1])
    image = graph.shaped(turned, 0, config.width, config.grid, config.grid)
    mixed = graph.shaped(_convolutions(graph, block, image), 0, config.width, config.grid**2)
    rows = graph.one("Transpose", mixed, perm=[0, 2, 1])
    return graph.one("Pad", rows, graph.constant(np.array([0, 1, 0, 0, 0, 0], np.int64)))


def _convolutions(graph: _Graph, block: Block, image: str) -> str:
    block = with_wide_groups(block)
    expanded = graph.convolve(image, block.expand, block.groups)
    return graph.convolve(
        graph.one("QuickGelu", expanded, domain=ORT, alpha=1.0), block.contract, block.groups
    )


def _inception_branch(graph: _Graph, network: Folded) -> str:
    stem = network.stem
    x = graph.one("Conv", "image", graph.constant(stem.weight), graph.constant(stem.bias), strides=[2, 2])
    for number, block in enumerate(network.inceptions):
        if number in (2, 4):
            x = graph.one("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = _inception(graph, block, x)
    flat = graph.one("Flatten", x)
    return graph.one("Relu", graph.linear(flat, network.inception_out))


def _inception(graph: _Graph, block: Inception, x: str) -> str:
    def active(value: str, layer: Layer) -> str:
        return graph.one("Relu", graph.convolve(value, layer))

    # Apart, although they read the same: splitting their output would cost two changes of its layout.
    first, *rest = (active(x, one) for one in block.ones)
    branches = [first, active(rest[0], block.three)]
    if block.five:
        branches.append(active(rest[1], block.five))
    pooled = graph.one("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    return graph.one("Concat", *branches, active(pooled, block.pool), axis=1)
