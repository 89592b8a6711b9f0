"""Taking away the bias that a loss leaves: a robust one follows the median, and the bias is a mean."""

import numpy as np
import torch

from inference.core.galaxies import Galaxies
from inference.network.astromae import AstroMAE
from inference.training.evaluation import redshifts


def calibrate(model: AstroMAE, galaxies: Galaxies) -> float:
    """Shift what `model` predicts, by its last bias, so that its bias on `galaxies` becomes zero.

    The bias is the mean of (z_pred - z) / (1 + z). `galaxies` are not those that the model is judged by, and
    all have a redshift. The model is in eval mode on the CPU and takes raw numbers. Returns what was added.
    """
    weight = 1 / (1 + galaxies.redshift)
    shift = -float(np.average(redshifts(model, galaxies) - galaxies.redshift, weights=weight))
    with torch.no_grad():
        model.get_parameter("concat_block.2.bias").add_(shift)
    return shift
