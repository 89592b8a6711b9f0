"""Pretraining: the encoder learns to paint the hidden three quarters of an image (He et al. 2022)."""

import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cosmic_fmi.common.files import write_atomically
from inference.core.config import ModelConfig
from inference.network.astromae import AstroMAE
from inference.training.mae import MaskedAutoencoder
from inference.training.normalisation import Normalisation
from inference.training.parts import Parts

FORMAT = "astromae-encoder-1"


class Pretraining:
    """The task: the masked autoencoder's loss on normalised images."""

    name = "pretraining"

    def __init__(self, config: ModelConfig, parts: Parts, device: str = "cpu") -> None:
        self.normalisation = Normalisation.of(parts.train)
        self.device = device
        self.images = self.normalisation.images(parts.train)
        self.validation = self.normalisation.images(parts.validation)
        self.model = AstroMAE(config)
        self.module: nn.Module = MaskedAutoencoder(self.model).to(device)
        self.count, self.validation_count = len(self.images), len(self.validation)

    def parameters(self) -> list[nn.Parameter]:
        """The encoder's and the decoder's."""
        decoder = [p for name, p in self.module.named_parameters() if not name.startswith("model.")]
        return [*encoder_parameters(self.model), *decoder]

    def train_mode(self) -> None:
        """Batch norms of the encoder learn as well."""
        self.module.train()

    def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Mean squared error of the hidden patches, another quarter of each image being shown every time."""
        return self._error(self.images[rows], random)

    def validation_loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """The same for validation galaxies."""
        return self._error(self.validation[rows], random)

    def _error(self, image: Tensor, random: torch.Generator) -> Tensor:
        order = torch.rand(len(image), self.model.config.grid**2, generator=random).argsort(1)
        found: Tensor = self.module(image.to(self.device), order.to(self.device))
        return found

    def save_encoder(self, path: Path, training: dict[str, object]) -> None:
        """Write the encoder's weights (safetensors) with the image scale they expect."""
        metadata = {
            "format": FORMAT,
            "config": json.dumps(self.model.config.as_dict()),
            "image_scale": json.dumps(self.normalisation.image_scale.tolist()),
            "training": json.dumps(training),
        }
        write_atomically(path, save(encoder_weights(self.model), metadata))


def encoder_parameters(model: AstroMAE) -> list[nn.Parameter]:
    """What pretraining changes of `model` and fine-tuning leaves alone."""
    return [model.cls_token, *(p for module in model.encoder_modules() for p in module.parameters())]


def encoder_weights(model: AstroMAE) -> dict[str, Tensor]:
    """The part of the state dict that pretraining makes and fine-tuning leaves alone, on the CPU."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(("cls_token", "patch_embed.", "blocks."))
    }
