"""What is measured: the published network with random weights, and a partition of galaxies, as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from inference.checkpoints import checkpoint
from inference.checkpoints.export import export
from inference.core.config import ModelConfig
from inference.core.galaxies import Galaxies
from inference.data.partitions import write
from inference.network.astromae import AstroMAE
from inference.predict import DEFAULT_MODEL
from inference.survey import synthetic

PARTITION = 1279
"""Galaxies in a 25 MB partition."""
SEED = 20241121


@dataclass(frozen=True)
class Material:
    """Files: our checkpoint (with its exported model beside it), the pickled model, and the galaxies."""

    checkpoint: Path
    pickled: Path
    data: Path
    model: AstroMAE
    galaxies: Galaxies


def make(folder: Path, count: int = PARTITION, config: ModelConfig | None = None) -> Material:
    """Random weights and pixels: how long inference takes does not depend on what they are."""
    torch.manual_seed(SEED)
    fresh = AstroMAE(config).eval()
    _spread_statistics(fresh)
    path, pickled, data = (folder / name for name in ("model.safetensors", "model.pt", "1.pt"))
    checkpoint.save(fresh, path, {"note": "random weights"})
    torch.save(nn.DataParallel(fresh), pickled)
    export(path)
    random = np.random.default_rng(SEED)
    galaxies = Galaxies(
        random.random((count, 5, 32, 32), np.float32),
        random.uniform(14, 22, (count, 5)),
        random.uniform(0, 0.7, count),
        np.arange(count),
    )
    write(data, galaxies)
    return Material(path, pickled, data, checkpoint.load(path).model, galaxies)


def shipped(folder: Path, count: int = PARTITION) -> Material:
    """The repository's checkpoint, and galaxies of the survey; what has to be written goes to `folder`."""
    loaded = checkpoint.load(DEFAULT_MODEL).model
    pickled, data = folder / "shipped.pt", folder / "2.pt"
    torch.save(nn.DataParallel(loaded), pickled)
    galaxies = synthetic.sample(count, SEED)
    write(data, galaxies)
    return Material(DEFAULT_MODEL, pickled, data, loaded, galaxies)


def _spread_statistics(model: AstroMAE) -> None:
    """A fresh batch norm is the identity, which a careless engine could leave out unnoticed."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                tensor.normal_(0, 0.1)
