"""Floating point operations of a galaxy, counted while the network runs."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inference.core.config import ModelConfig
from inference.network.astromae import AstroMAE
from inference.network.folded_torch import OptimisedAstroMAE
from inference.network.folding import fold


def plain(model: AstroMAE) -> float:
    """Millions a galaxy, in the network as it is trained: what the machine's limit goes by."""
    image, magnitude = _inputs(model.config)
    return _counted(model, model.config, [image, magnitude])


def folded(model: AstroMAE) -> float:
    """Millions a galaxy, in the folded network that our engines compute."""
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return _counted(OptimisedAstroMAE(fold(model.config, weights)), model.config, *_inputs(model.config))


def _inputs(config: ModelConfig) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(1, config.bands, config.image_size, config.image_size), torch.zeros(1, config.bands)


def _counted(network: nn.Module, config: ModelConfig, *inputs: object) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    # The counter leaves out fused attention: two products of tokens, tokens and width in each block.
    attention = 2 * 2 * (1 + config.grid**2) ** 2 * config.width * config.depth
    return float(counter.get_total_flops() + attention) / 1e6
