"""Portable graymaps as arrays: a header of four words, then a byte a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

SIDE = 16


def read(path: Path) -> torch.Tensor:
    """A picture as [1, 16, 16], from 0 to 1. Raises ValueError for one of another kind or size."""
    content = path.read_bytes()
    header, pixels = content[: -SIDE * SIDE], content[-SIDE * SIDE :]
    if header.split() != b"P5 16 16 255".split():
        raise ValueError(f"{path.name} is no graymap of {SIDE} by {SIDE} pixels")
    return torch.from_numpy(np.frombuffer(pixels, np.uint8).copy()).float().reshape(1, SIDE, SIDE) / 255


def write(path: Path, picture: torch.Tensor) -> None:
    """Write a picture from 0 to 1."""
    pixels = (picture.clamp(0, 1) * 255).to(torch.uint8).numpy().tobytes()
    path.write_bytes(b"P5 %d %d 255 " % (SIDE, SIDE) + pixels)
