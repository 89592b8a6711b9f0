"""What a training run does, as data: everything but the galaxies."""

from dataclasses import asdict, dataclass, replace

from inference.core.config import SMALL, ModelConfig

PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to learn; `patience` is in epochs without improvement on the validation part.

    The defaults are fine-tuning's. A run is reproducible from its recipe and its galaxies.
    """

    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: float = 0.15
    patience: int = 6
    seed: int = 20_240_901
    precision: str = "float32"
    device: str = "cpu"

    def as_dict(self) -> dict[str, object]:
        """The fields by name, as plain values."""
        return asdict(self)

    def on(self, device: str, precision: str) -> "Recipe":
        """The same recipe on `cpu` or `cuda`; precision `auto` is float16 on cuda and float32 elsewhere."""
        chosen = {"cuda": "float16"}.get(device, "float32") if precision == "auto" else precision
        return replace(self, device=device, precision=chosen)


PRETRAINING = Recipe(epochs=3)
FINE_TUNING = Recipe()

SIZES = {"small": SMALL, "published": ModelConfig()}
GALAXIES = 16_384
"""Synthetic galaxies that the shipped checkpoint was trained on."""
ENCODER, MODEL = "encoder.safetensors", "astromae.safetensors"
"""What pretraining and training write."""
