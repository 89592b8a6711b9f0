"""What several tests of inference share: a small survey, made once."""

import pytest
import torch
from hypothesis import settings

from inference import synthetic
from inference.galaxies import Galaxies

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
