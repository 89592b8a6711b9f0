"""How good a network is on galaxies that it was not trained on."""

import numpy as np
import torch

from inference.core.galaxies import Galaxies
from inference.metrics import Array, Metrics, measure
from inference.network.astromae import AstroMAE

BATCH_SIZE = 512


@torch.inference_mode()
def redshifts(model: AstroMAE, galaxies: Galaxies) -> Array:
    """Predictions [N] of `model`, in eval mode on the CPU and taking raw numbers."""
    found = [np.empty(0)]
    for start in range(0, len(galaxies), BATCH_SIZE):
        batch = galaxies[start : start + BATCH_SIZE]
        inputs = [torch.from_numpy(batch.image), torch.from_numpy(batch.magnitude)]
        found.append(model(inputs).squeeze(1).double().numpy())
    return np.concatenate(found)


def evaluate(model: AstroMAE, galaxies: Galaxies) -> Metrics:
    """Metrics of the network's predictions."""
    return measure(redshifts(model, galaxies), galaxies.redshift)
