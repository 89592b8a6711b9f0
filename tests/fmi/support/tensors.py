"""PyTorch's tensors. Intel Macs have no PyTorch, and everything else of fmi is tested there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

HAVE_TORCH = find_spec("torch") is not None


def tensor(values: NDArray[Any]) -> Any:  # noqa: ANN401 - a tensor, whose type cannot be named without PyTorch
    """A tensor with a copy of the values."""
    import torch

    return torch.from_numpy(values.copy())


def meta_tensor() -> Any:  # noqa: ANN401
    """A tensor without memory."""
    import torch

    return torch.empty(2, device="meta")


def bfloat16_tensor() -> Any:  # noqa: ANN401
    """A tensor of a type that NumPy lacks."""
    import torch

    return torch.zeros(2, dtype=torch.bfloat16)
