"""What several tests of inference share: a small survey, made once."""

import pytest
import torch

from inference import synthetic
from inference.galaxies import Galaxies

# Two threads each in processes that share two cores wait for each other more than they compute.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def survey() -> Galaxies:
    return synthetic.sample(1024, seed=77)
