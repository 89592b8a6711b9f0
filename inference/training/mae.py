"""Masked-autoencoder pretraining of AstroMAE's encoder (He et al. 2022, arXiv 2111.06377)."""

from typing import cast

import torch
from torch import Tensor, nn

from inference.core.config import ModelConfig
from inference.network.astromae import AstroMAE
from inference.network.vitae import Block, sinusoidal_positions

MASKED = 0.75


class MaskedAutoencoder(nn.Module):
    """The encoder of `model` with a shallow decoder that paints hidden patches and is thrown away after."""

    decoder_position: Tensor

    def __init__(self, model: AstroMAE, decoder_depth: int = 1) -> None:
        super().__init__()
        config: ModelConfig = model.config
        self.model = model
        self.keep = round(config.grid**2 * (1 - MASKED))
        self.decoder_embed = nn.Linear(config.width, config.width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.register_buffer("decoder_position", sinusoidal_positions(config.width, config.grid))
        self.decoder_blocks = nn.ModuleList(Block(config) for _ in range(decoder_depth))
        self.decoder_norm = nn.LayerNorm(config.width)
        self.decoder_pred = nn.Linear(config.width, config.bands * config.patch**2)

    def patchify(self, image: Tensor) -> Tensor:
        """[B, bands, S, S] to the pixels of each patch, [B, grid², bands times patch²]."""
        patch = self.model.config.patch
        return nn.functional.unfold(image, patch, stride=patch).transpose(1, 2)

    def forward(self, image: Tensor, order: Tensor) -> Tensor:
        """Mean error of the hidden patches.

        `order` [B, grid²] is a permutation of the patches of each image, of which the first quarter is shown.
        """
        shown, hidden = order[:, : self.keep], order[:, self.keep :]
        latent = self.decoder_embed(self.model.encode(_take(self.model.embed(image), shown)))
        masks = self.mask_token.expand(len(image), hidden.shape[1], -1)
        tokens = _take(torch.cat((latent[:, 1:], masks), 1), order.argsort(1))
        x = torch.cat((latent[:, :1], tokens), 1) + self.decoder_position
        for block in self.decoder_blocks:
            x = block(x)
        painted = cast(Tensor, self.decoder_pred(self.decoder_norm(x[:, 1:])))
        # Galaxies span four orders of magnitude in brightness; asinh lets the faint ones count too.
        target = torch.asinh(10.0 * self.patchify(image))
        return (_take(painted, hidden) - _take(target, hidden)).square().mean()


def _take(tokens: Tensor, index: Tensor) -> Tensor:
    return torch.gather(tokens, 1, index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
