"""A small network that tells spirals from ellipses; weights.pt beside it holds what it has learnt."""

from __future__ import annotations

from pathlib import Path

import torch

KINDS = ("ellipse", "spiral")
WEIGHTS = Path(__file__).with_name("weights.pt")


def new() -> torch.nn.Sequential:
    """The network, with random weights: pictures [B, 1, 16, 16] to logits [B, 2]."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 4 * 4, len(KINDS)),
    )


def trained() -> torch.nn.Sequential:
    """The network with its weights."""
    network = new()
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return network.eval()
