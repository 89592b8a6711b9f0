"""The table of weights says what the network has."""

from dataclasses import replace

import pytest

from inference.core.config import SMALL, ModelConfig
from inference.network.architecture import shapes
from inference.network.astromae import AstroMAE
from tests.inference.network.test_astromae import TINY


@pytest.mark.parametrize("config", [ModelConfig(), SMALL, TINY, replace(TINY, kernel=3, patch=4, bands=6)])
def test_the_table_is_the_state_dict(config: ModelConfig) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in AstroMAE(config).state_dict().items()}
    assert shapes(config) == found
