"""The shape of an AstroMAE network, as data: what a checkpoint's weights say about it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

DEFAULT_BATCH_SIZE = 512
"""Galaxies that go through the network at once, as in the course's runs."""

ENGINES = ("auto", "native", "onnx", "torch")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("fp32", "bf16", "fp16")
"""What can be chosen for inference."""

NORM_EPSILON = 1e-6
"""What the network's layer norms add to a variance."""

IMAGE = (5, 32, 32)
"""Bands and pixels of the images that data files hold."""

Shapes = Mapping[str, Sequence[int]]


class ModelError(ValueError):
    """A checkpoint does not describe an AstroMAE network; the message says what is wrong in one sentence."""


class MissingError(ModelError):
    """The model is usable, but not by this engine, or something that the engine needs is not here."""


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of every part; the defaults are the published network (15.9 M parameters, 221 MFLOP a sample).

    `image_size` and `patch` are in pixels; `groups` and `kernel` belong to the convolution branch PCM;
    `inception_width` is the number of channels of the Inception branch's first convolution, from which the
    others follow; `features`, `magnitude_width` and `fusion_width` are the widths of the dense layers.
    Source: AstroMAE, arXiv 2409.01825; parallel convolution branch: ViTAE, arXiv 2106.03348.
    """

    image_size: int = 32
    bands: int = 5
    patch: int = 8
    width: int = 192
    depth: int = 12
    heads: int = 3
    mlp_ratio: float = 4.0
    groups: int = 48
    kernel: int = 1
    inception_width: int = 32
    features: int = 1096
    magnitude_width: int = 1024
    fusion_width: int = 1024

    def __post_init__(self) -> None:
        for name, size in self.as_dict().items():
            if size <= 0:
                raise ModelError(f"{name} is {size}: every size of a network is greater than 0.")
        if self.image_size % self.patch:
            raise ModelError(f"patch {self.patch} does not divide the image size {self.image_size}.")
        if self.width % self.heads:
            raise ModelError(
                f"{self.heads} heads do not divide the width {self.width}: choose another number."
            )
        if self.width % self.groups or self.hidden % self.groups:
            raise ModelError(f"{self.groups} groups divide neither width {self.width} nor {self.hidden}.")
        if self.inception_width % 8:
            raise ModelError(f"inception width {self.inception_width} is not a multiple of 8.")

    @property
    def grid(self) -> int:
        """Patches along one side of the image."""
        return self.image_size // self.patch

    @property
    def hidden(self) -> int:
        """Width inside the MLP and inside PCM."""
        return round(self.width * self.mlp_ratio)

    def as_dict(self) -> dict[str, int | float]:
        """The fields by name, as plain numbers."""
        return asdict(self)


SMALL = ModelConfig(
    width=64,
    depth=4,
    heads=4,
    groups=16,
    inception_width=16,
    features=256,
    magnitude_width=256,
    fusion_width=256,
)
"""The network that the repository ships trained: 0.8 M parameters, minutes to train on two CPU cores."""


def config_from_shapes(shapes: Shapes, heads: int) -> ModelConfig:
    """Read the configuration off a state dict's shapes.

    `heads` must be given, because attention weights have the same shape for any number of heads.
    Raises ModelError naming the first weight that is missing or has the wrong number of dimensions.
    """

    def shape(name: str, dimensions: int) -> Sequence[int]:
        if name not in shapes:
            raise ModelError(f"the weight {name} is missing: this is not an AstroMAE checkpoint.")
        if len(shapes[name]) != dimensions:
            raise ModelError(
                f"the weight {name} has shape {list(shapes[name])}, not {dimensions} dimensions."
            )
        if 0 in shapes[name]:
            raise ModelError(f"the weight {name} has shape {list(shapes[name])}: it is empty.")
        return shapes[name]

    width, bands, patch, _ = shape("patch_embed.proj.weight", 4)
    tokens = shape("pos_embed", 3)[1]
    blocks = {name.split(".")[1] for name in shapes if name.startswith("blocks.")}
    pcm = shape("blocks.0.PCM.0.weight", 4)
    return ModelConfig(
        image_size=patch * round((tokens - 1) ** 0.5),
        bands=bands,
        patch=patch,
        width=width,
        depth=len(blocks),
        heads=heads,
        mlp_ratio=shape("blocks.0.mlp.fc1.weight", 2)[0] / width,
        groups=width // pcm[1],
        kernel=pcm[2],
        inception_width=shape("inception_model.conv2d_init.weight", 4)[0],
        features=shape("vit_block.0.weight", 2)[0],
        magnitude_width=shape("inception_model.magnitude_block.0.weight", 2)[0],
        fusion_width=shape("concat_block.0.weight", 2)[0],
    )
