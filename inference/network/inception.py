"""The Inception half of AstroMAE: convolutions on the image, dense layers on the magnitudes.

Source: Henghes et al. 2022 (arXiv 2109.02503), as the course's network uses it. Names of the submodules are
the course's, so that its state dicts match.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.core.config import ModelConfig


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, S, S] to [B, outputs, S, S]."""
        return functional.relu(self.bn(self.conv(x)))


class InceptionBlock(nn.Module):
    """Four parallel branches of `channels` each (1x1, 3x3, 5x5, pooling), concatenated.

    The last block of the network leaves out its 5x5 branch but still owns its weights, as the course's does.
    """

    def __init__(self, inputs: int, channels: int, five: bool = True) -> None:
        super().__init__()
        self.five = five
        self.branch1 = ConvBlock(inputs, channels, 1)
        self.branch2 = nn.Sequential(ConvBlock(inputs, channels, 1), ConvBlock(channels, channels, 3))
        self.branch3 = nn.Sequential(ConvBlock(inputs, channels, 1), ConvBlock(channels, channels, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvBlock(inputs, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, S, S] to [B, 4 (or 3) times channels, S, S]."""
        branches = [self.branch1, self.branch2, self.branch3, self.branch4]
        if not self.five:
            branches.remove(self.branch3)
        return torch.cat([branch(x) for branch in branches], 1)


class InceptionModel(nn.Module):
    """Features of the image [B, bands, S, S] and of the magnitudes [B, bands], side by side."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half, quarter, eighth = (config.inception_width // divisor for divisor in (2, 4, 8))
        # Registered twice, here and as vis_inception.0, exactly as in the course's checkpoints.
        self.conv2d_init = nn.Conv2d(config.bands, config.inception_width, 1)
        self.magnitude_block = nn.Sequential(*dense([config.bands] + [config.magnitude_width] * 5))
        flat = 3 * eighth * (config.image_size // 8) ** 2
        self.vis_inception = nn.Sequential(
            self.conv2d_init,
            nn.AvgPool2d(2),
            InceptionBlock(config.inception_width, half),
            InceptionBlock(4 * half, half),
            nn.AvgPool2d(2),
            InceptionBlock(4 * half, quarter),
            InceptionBlock(4 * quarter, quarter),
            nn.AvgPool2d(2),
            InceptionBlock(4 * quarter, eighth, five=False),
            nn.Flatten(),
            *dense([flat, config.features, config.features]),
        )

    def forward(self, image: Tensor, magnitude: Tensor) -> Tensor:
        """[B, features + magnitude_width]."""
        seen = cast(Tensor, self.vis_inception(image))
        return torch.cat((seen, self.magnitude_block(magnitude)), 1)


def dense(widths: list[int]) -> list[nn.Module]:
    """Linear layers through `widths` with a ReLU between each two."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]
