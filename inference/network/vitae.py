"""The transformer half of AstroMAE: blocks of attention with a parallel convolution branch (ViTAE)."""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.core.config import NORM_EPSILON, ModelConfig


class PatchEmbed(nn.Module):
    """Cut an image [B, bands, S, S] into patches and project each: [B, tokens, width]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(config.bands, config.width, config.patch, stride=config.patch)

    def forward(self, image: Tensor) -> Tensor:
        """Patches in row order."""
        return cast(Tensor, self.proj(image)).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention whose query and value have a bias and whose key has none."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(config.width))
        self.v_bias = nn.Parameter(torch.zeros(config.width))
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, tokens, width] to the same shape."""
        batch, tokens, width = x.shape
        bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        qkv = functional.linear(x, self.qkv.weight, bias)
        query, key, value = qkv.reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.proj(attended.transpose(1, 2).reshape(batch, tokens, width)))


class Mlp(nn.Module):
    """Two dense layers with a GELU between them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, tokens, width] to the same shape."""
        return cast(Tensor, self.fc2(self.act(self.fc1(x))))


class Block(nn.Module):
    """Pre-norm attention with PCM beside it, then the MLP; the class token does not pass through PCM."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.mlp = Mlp(config)
        padding = config.kernel // 2
        self.PCM = nn.Sequential(
            nn.Conv2d(config.width, config.hidden, config.kernel, padding=padding, groups=config.groups),
            nn.BatchNorm2d(config.hidden),
            nn.SiLU(),
            nn.Conv2d(config.hidden, config.width, config.kernel, padding=padding, groups=config.groups),
        )

    def convolve(self, patches: Tensor) -> Tensor:
        """Apply PCM to patch tokens [B, n², width] laid out as an n x n grid."""
        batch, tokens, width = patches.shape
        side = round(tokens**0.5)
        image = patches.transpose(1, 2).reshape(batch, width, side, side)
        return cast(Tensor, self.PCM(image)).flatten(2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 1 + n², width] to the same shape; the class token comes first."""
        local = functional.pad(self.convolve(x[:, 1:]), (0, 0, 1, 0))
        x = x + cast(Tensor, self.attn(self.norm1(x))) + local
        return x + cast(Tensor, self.mlp(self.norm2(x)))


def sinusoidal_positions(width: int, grid: int) -> Tensor:
    """Fixed two-dimensional sine-cosine position embedding, [1, 1 + grid², width]; zero for the class token.

    Source: the masked autoencoder's embedding (He et al. 2022, arXiv 2111.06377), half of the width a
    coordinate.
    """
    frequency = 10000.0 ** (-np.arange(width // 4) / (width / 4))
    row, column = np.mgrid[0:grid, 0:grid].reshape(2, -1, 1)
    parts = [f(position * frequency) for position in (column, row) for f in (np.sin, np.cos)]
    table = np.concatenate([np.zeros((1, width)), np.concatenate(parts, axis=1)])
    return torch.from_numpy(table).float().unsqueeze(0)
