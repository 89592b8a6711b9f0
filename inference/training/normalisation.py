"""Train on normalised numbers, ship a network that takes raw ones: scales are folded into its weights."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inference.core.galaxies import Galaxies
from inference.network.astromae import AstroMAE
from inference.preparation.scale import deviations


@dataclass(frozen=True)
class Normalisation:
    """Statistics of the training part: [5] a band for images and magnitudes, one for the redshift."""

    image_scale: Tensor
    magnitude_mean: Tensor
    magnitude_scale: Tensor
    redshift_mean: float
    redshift_scale: float

    @classmethod
    def of(cls, galaxies: Galaxies) -> "Normalisation":
        """Measure a training set; the scale of what does not vary, or is not known at all, is one."""
        known = galaxies.redshift[np.isfinite(galaxies.redshift)]
        return cls(
            image_scale=torch.from_numpy(deviations(galaxies.image, (0, 2, 3))).float(),
            magnitude_mean=torch.from_numpy(galaxies.magnitude.mean(axis=0)).float(),
            magnitude_scale=torch.from_numpy(deviations(galaxies.magnitude, (0,))).float(),
            redshift_mean=float(known.mean()) if len(known) else 0.0,
            redshift_scale=float(deviations(known, (0,))) if len(known) else 1.0,
        )

    def apply(self, galaxies: Galaxies) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised image, magnitude and redshift [N, 1], float32."""
        magnitude = (
            torch.from_numpy(galaxies.magnitude).float() - self.magnitude_mean
        ) / self.magnitude_scale
        redshift = (torch.from_numpy(galaxies.redshift).float() - self.redshift_mean) / self.redshift_scale
        return self.images(galaxies), magnitude, redshift[:, None]

    def images(self, galaxies: Galaxies) -> Tensor:
        """Normalised images [N, 5, S, S], float32."""
        return torch.from_numpy(galaxies.image) / self.image_scale[:, None, None]

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, for a checkpoint's metadata."""
        return {
            "image_scale": self.image_scale.tolist(),
            "magnitude_mean": self.magnitude_mean.tolist(),
            "magnitude_scale": self.magnitude_scale.tolist(),
            "redshift_mean": self.redshift_mean,
            "redshift_scale": self.redshift_scale,
        }

    @torch.no_grad()
    def fold(self, model: AstroMAE) -> None:
        """Change `model`, which takes and gives normalised numbers, into one that takes and gives raw ones.

        Both convolutions that see the image and the dense layer that sees the magnitudes are linear, and so
        is the last layer, so this is exact: no layer is added and the architecture stays as published.
        """
        branch = model.inception_model
        for convolution in (model.patch_embed.proj, branch.conv2d_init):
            convolution.weight /= self.image_scale[:, None, None]
        first, last = branch.magnitude_block[0], model.concat_block[-1]
        assert isinstance(first, torch.nn.Linear) and isinstance(last, torch.nn.Linear)  # noqa: S101
        first.weight /= self.magnitude_scale
        first.bias.sub_(first.weight @ self.magnitude_mean)
        last.weight *= self.redshift_scale
        last.bias.mul_(self.redshift_scale).add_(self.redshift_mean)
