"""Make the pictures in images/ and train the network: what the example's files came from.

.venv/bin/python examples/pictures/make.py
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "program"))

import network  # noqa: E402 - of the program's folder
import pictures  # noqa: E402


def drawn(kind: str, generator: torch.Generator) -> torch.Tensor:
    """A picture [1, 16, 16] of an ellipse or of a spiral with two arms, with noise."""
    angle, flat, twist = torch.rand(3, generator=generator).tolist()
    axis = torch.linspace(-1, 1, pictures.SIDE)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    turned = math.pi * angle
    u = x * math.cos(turned) + y * math.sin(turned)
    v = (y * math.cos(turned) - x * math.sin(turned)) / (0.4 + 0.4 * flat)
    if kind == "ellipse":
        light = torch.exp(-4 * (u**2 + v**2))
    else:
        radius, phase = torch.hypot(x, y), torch.atan2(y, x)
        light = torch.exp(-2 * radius) * torch.cos(phase - (5 + 2 * twist) * radius - turned) ** 2
    return (light + 0.05 * torch.randn(light.shape, generator=generator)).unsqueeze(0)


def train(generator: torch.Generator, steps: int = 200) -> None:
    """Write weights.pt, from pictures that are drawn for it."""
    torch.manual_seed(1)
    model = network.new()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(steps):
        labels = torch.randint(2, (64,), generator=generator)
        batch = torch.stack([drawn(network.KINDS[int(label)], generator) for label in labels])
        loss = torch.nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.state_dict(), network.WEIGHTS)


def main() -> None:
    """Write everything anew."""
    generator = torch.Generator().manual_seed(7)
    train(generator)
    (HERE / "images").mkdir(exist_ok=True)
    for number in range(1, 13):
        for kind in network.KINDS:
            pictures.write(HERE / "images" / f"{kind}-{number}.pgm", drawn(kind, generator))


if __name__ == "__main__":
    main()
