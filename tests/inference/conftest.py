"""What several tests of inference share: a small survey, made once."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from inference.checkpoints import checkpoint
from inference.checkpoints.export import export
from inference.core.galaxies import Galaxies
from inference.survey import synthetic
from tests.inference.network.test_astromae import TINY, scrambled

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("inference", deadline=None)
settings.load_profile("inference")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """A run sets its own number; where others use the cores too, two threads wait more than they compute."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def survey() -> Galaxies:
    return synthetic.sample(1024, seed=77)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, exported."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    checkpoint.save(scrambled(TINY), path, {})
    export(path)
    return path
