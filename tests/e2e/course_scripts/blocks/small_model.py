"""A model of two inputs, pickled whole by its folder as the course's is: to load it takes this file."""

import torch
from torch import nn


class SmallModel(nn.Module):
    """Mean brightness of each band and the magnitudes, to one number."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(10, 1)

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        image, magnitude = inputs
        predicted: torch.Tensor = self.head(torch.cat([image.mean((2, 3)), magnitude.float()], 1))
        return predicted
