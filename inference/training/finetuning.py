"""Fine-tuning: everything but the encoder learns redshifts, from what the encoder says and on its own."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from inference.core.config import ModelConfig, ModelError
from inference.network.astromae import AstroMAE
from inference.training.normalisation import Normalisation
from inference.training.parts import Parts, with_redshift
from inference.training.pretraining import FORMAT, encoder_parameters, encoder_weights

POOLED_AT_ONCE = 1024


class FineTuning:
    """The task: redshifts of normalised galaxies, with a frozen encoder."""

    name = "fine-tuning"

    def __init__(
        self, model: AstroMAE, normalisation: Normalisation, parts: Parts, device: str = "cpu"
    ) -> None:
        self.normalisation, self.device = normalisation, device
        # With channels next to each other, a step takes half the time on a CPU.
        self.model = model.to(device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module: nn.Module = model
        for parameter in encoder_parameters(model):
            parameter.requires_grad_(False)
        self.training = self._prepare(parts, "train")
        self.validation = self._prepare(parts, "validation")
        self.count, self.validation_count = len(self.training[0]), len(self.validation[0])
        self.criterion = nn.SmoothL1Loss(beta=0.2)

    def _prepare(self, parts: Parts, name: str) -> tuple[Tensor, ...]:
        """Image, magnitude, redshift, and what the encoder makes of the image.

        A frozen encoder says the same of an image in every epoch, so it is asked once.
        """
        prepared = self.normalisation.apply(with_redshift(getattr(parts, name), name))
        self.model.eval()
        with torch.no_grad():
            pooled = [self.model.pool(i.to(self.device)) for i in torch.split(prepared[0], POOLED_AT_ONCE)]
        return *prepared, torch.cat(pooled).cpu()

    def parameters(self) -> list[nn.Parameter]:
        """Everything but the encoder's."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def train_mode(self) -> None:
        """The encoder's batch norms stay as they are."""
        self.model.train()
        for module in self.model.encoder_modules():
            module.eval()

    def loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Smooth L1 loss of the normalised redshift; the Inception branch sees images turned at random."""
        image, magnitude, redshift, pooled = (column[rows].to(self.device) for column in self.training)
        return self._error(turn(image, random), magnitude, redshift, pooled)

    def validation_loss(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """The same for validation galaxies as they are."""
        del random
        return self._error(*(column[rows].to(self.device) for column in self.validation))

    def _error(self, image: Tensor, magnitude: Tensor, redshift: Tensor, pooled: Tensor) -> Tensor:
        image = image.contiguous(memory_format=torch.channels_last)
        found: Tensor = self.criterion(self.model.fuse(pooled, image, magnitude), redshift)
        return found

    def raw(self) -> AstroMAE:
        """The network in eval mode on the CPU, scales folded into its weights: it takes raw numbers."""
        model = AstroMAE(self.model.config)
        model.load_state_dict({name: value.cpu() for name, value in self.model.state_dict().items()})
        self.normalisation.fold(model)
        return model.eval()


def turn(image: Tensor, random: torch.Generator) -> Tensor:
    """The batch [B, 5, S, S], mirrored and turned at random: the sky has no up."""
    quarter, mirror = (int(n) for n in torch.randint(0, 4, (2,), generator=random))
    turned = torch.rot90(image, quarter, (2, 3))
    return turned.flip(3) if mirror % 2 else turned


@dataclass(frozen=True)
class Pretrained:
    """A network with a pretrained encoder and fresh other parts, the scale of images [5] that it expects, and
    how it was trained.
    """

    model: AstroMAE
    image_scale: Tensor
    history: dict[str, object]


def load_encoder(path: Path) -> Pretrained:
    """Read what `cosmic-fmi pretrain` wrote; the other parts' first values are torch's next random numbers.

    Raises ModelError with one sentence when the file is not an encoder that `cosmic-fmi pretrain` wrote.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = dict(file.metadata() or {})
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}).") from error
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path}: is not an encoder; make one with `cosmic-fmi pretrain`.")
    model = AstroMAE(ModelConfig(**json.loads(metadata["config"])))
    if set(weights) != set(encoder_weights(model)):
        raise ModelError(f"{path}: its weights are not those of the encoder that its metadata describe.")
    model.load_state_dict(weights, strict=False)
    scale = torch.tensor(json.loads(metadata["image_scale"]))
    return Pretrained(model, scale, json.loads(metadata["training"]))
