"""The AstroMAE network: a frozen ViTAE encoder, an Inception and a magnitude branch, fused to a redshift."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from inference.core.config import NORM_EPSILON, ModelConfig
from inference.network.inception import InceptionModel, dense
from inference.network.vitae import Block, PatchEmbed, sinusoidal_positions


class AstroMAE(nn.Module):
    """Redshift from an image [B, 5, 32, 32] and magnitudes [B, 5] (bands u, g, r, i, z): [B, 1].

    Source: arXiv 2409.01825. Submodules are named as in the course's code, so that its state dicts load.
    """

    pos_embed: Tensor

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(sinusoidal_positions(config.width, config.grid), requires_grad=False)
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.fc_norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.head = nn.Linear(config.width, config.width)
        self.inception_model = InceptionModel(config)
        self.vit_block = nn.Sequential(*dense([config.width, config.features, config.features]))
        fused = 2 * config.features + config.magnitude_width
        self.concat_block = nn.Sequential(*dense([fused, config.fusion_width, 1]))

    def encoder_modules(self) -> list[nn.Module]:
        """The parts that pretraining trains and fine-tuning leaves alone (with `cls_token`)."""
        return [self.patch_embed, self.blocks]

    def embed(self, image: Tensor) -> Tensor:
        """Patch tokens with their position, without the class token: [B, grid², width]."""
        return cast(Tensor, self.patch_embed(image)) + self.pos_embed[:, 1:]

    def encode(self, patches: Tensor) -> Tensor:
        """Run patch tokens [B, n², width] through the blocks: [B, 1 + n², width], class token first."""
        token = (self.cls_token + self.pos_embed[:, :1]).expand(len(patches), -1, -1)
        x = torch.cat((token, patches), 1)
        for block in self.blocks:
            x = block(x)
        return x

    def pool(self, image: Tensor) -> Tensor:
        """What the encoder says of an image: the mean of its patch tokens, [B, width]."""
        return self.encode(self.embed(image))[:, 1:].mean(1)

    def fuse(self, pooled: Tensor, image: Tensor, magnitude: Tensor) -> Tensor:
        """Redshift [B, 1] from the encoder's features and the two other branches."""
        seen = self.vit_block(self.head(self.fc_norm(pooled)))
        mixed = self.inception_model(image, magnitude.to(image.dtype))
        return cast(Tensor, self.concat_block(torch.cat((seen, mixed), 1)))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take `[image, magnitude]`, as the course calls it; magnitudes may be float64."""
        image, magnitude = inputs
        return self.fuse(self.pool(image), image, magnitude)
