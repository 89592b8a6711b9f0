"""The folded network in PyTorch: for a GPU, and where onnxruntime is not installed."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.core.config import NORM_EPSILON
from inference.network.folding import Block, Folded, Inception, Layer, with_wide_groups


class OptimisedAstroMAE(nn.Module):
    """Redshift [B] from image [B, bands, S, S] and magnitude [B, bands]; for inference only."""

    def __init__(self, network: Folded) -> None:
        super().__init__()
        self.config = network.config
        self.patches = _constant(network.patches)
        self.positions = _constant(network.positions)
        *blocks, self.last = (_Block(network, block) for block in network.blocks)
        self.blocks = nn.ModuleList(blocks)
        self.encoder_out = _linear(network.encoder_out)
        self.stem = _convolution(network.stem, stride=2)
        self.inceptions = nn.ModuleList(_Inception(block) for block in network.inceptions)
        self.inception_out = _linear(network.inception_out)
        self.magnitude = nn.ModuleList(_linear(layer) for layer in network.magnitude)
        self.fusion = _linear(network.fusion)
        self.out = _linear(network.out)
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor, magnitude: Tensor) -> Tensor:
        """Both inputs in single precision."""
        for layer in self.magnitude:
            magnitude = functional.relu(layer(magnitude))
        branches = (self.encode(image), self.look(image), magnitude)
        fused: Tensor = self.out(functional.relu(self.fusion(torch.cat(branches, 1))))
        return fused.squeeze(1)

    def encode(self, image: Tensor) -> Tensor:
        """The transformer's features, [B, features]."""
        size = self.config.patch
        rows = functional.unfold(image, size, stride=size).transpose(1, 2)
        # An empty row in front, to which the positions add the class token.
        x = functional.pad(functional.linear(rows, self.patches), (0, 0, 1, 0)) + self.positions
        for block in self.blocks:
            x = block(x)
        x = self.last.mix(x)[:, 1:]
        # The mean over tokens changes places with the last linear layer, which then has one row to multiply.
        pooled = x.mean(1) + self.last.fc2(self.last.hidden(x).mean(1))
        return functional.relu(self.encoder_out(_norm(pooled)))

    def look(self, image: Tensor) -> Tensor:
        """The Inception branch's features, [B, features]."""
        x = self.stem(image.contiguous(memory_format=torch.channels_last))
        for number, block in enumerate(self.inceptions):
            x = block(functional.avg_pool2d(x, 2) if number in (2, 4) else x)
        return functional.relu(self.inception_out(x.flatten(1)))


class _Block(nn.Module):
    def __init__(self, network: Folded, block: Block) -> None:
        super().__init__()
        self.heads, self.grid, self.kernel = (
            network.config.heads,
            network.config.grid,
            network.config.kernel,
        )
        self.query, self.key, self.value = (_linear(part) for part in (block.query, block.key, block.value))
        self.proj, self.fc1, self.fc2 = _linear(block.proj), _linear(block.fc1), _linear(block.fc2)
        wide = with_wide_groups(block)
        self.expand = _convolution(wide.expand, wide.groups)
        self.contract = _convolution(wide.contract, wide.groups)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [B, 1 + n², width] after the whole block."""
        x = self.mix(x)
        changed: Tensor = x + self.fc2(self.hidden(x))
        return changed

    def mix(self, x: Tensor) -> Tensor:
        """Tokens [B, 1 + n², width] after attention and convolution side by side."""
        normed = _norm(x)
        shape = (*x.shape[:2], self.heads, -1)
        parts = (part(normed).reshape(shape) for part in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts))
        local = functional.pad(self.convolve(x[:, 1:]), (0, 0, 1, 0))
        mixed: Tensor = x + self.proj(attended.transpose(1, 2).flatten(2)) + local
        return mixed

    def convolve(self, patches: Tensor) -> Tensor:
        """PCM on patch tokens [B, n², width]."""
        batch, _, width = patches.shape
        image = patches.transpose(1, 2).reshape(batch, width, self.grid, self.grid)
        convolved: Tensor = self.contract(functional.silu(self.expand(image)))
        return convolved.flatten(2).transpose(1, 2)

    def hidden(self, x: Tensor) -> Tensor:
        """What is inside the MLP, [B, tokens, hidden]."""
        return functional.gelu(self.fc1(_norm(x)))


class _Inception(nn.Module):
    def __init__(self, block: Inception) -> None:
        super().__init__()
        self.channels = block.channels
        # The 1x1 convolutions that read the same tensor, as one.
        ones = Layer(
            np.concatenate([one.weight for one in block.ones]),
            np.concatenate([one.bias for one in block.ones]),
        )
        self.ones, self.three, self.pool = (_convolution(part) for part in (ones, block.three, block.pool))
        self.five = _convolution(block.five) if block.five else None

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = torch.split(functional.relu(self.ones(x)), self.channels, 1)
        branches = [first, functional.relu(self.three(rest[0]))]
        if self.five is not None:
            branches.append(functional.relu(self.five(rest[1])))
        branches.append(functional.relu(self.pool(functional.max_pool2d(x, 3, 1, 1))))
        return torch.cat(branches, 1)


def _norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=NORM_EPSILON)


def _constant(array: object) -> nn.Parameter:
    return nn.Parameter(torch.as_tensor(array), requires_grad=False)


def _linear(layer: Layer) -> nn.Linear:
    made = nn.Linear(layer.weight.shape[1], layer.weight.shape[0], device="meta")
    made.weight, made.bias = _constant(layer.weight), _constant(layer.bias)
    return made


def _convolution(layer: Layer, groups: int = 1, stride: int = 1) -> nn.Conv2d:
    outputs, inputs, kernel, _ = layer.weight.shape
    padding = kernel // 2 if stride == 1 else 0
    made = nn.Conv2d(inputs * groups, outputs, kernel, stride, padding, groups=groups, device="meta")
    weight = torch.as_tensor(layer.weight).contiguous(memory_format=torch.channels_last)
    made.weight, made.bias = nn.Parameter(weight, requires_grad=False), _constant(layer.bias)
    return made
