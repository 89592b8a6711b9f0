"""What can be passed to the upper-case operations, and numbers to fill it with."""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HAVE_TORCH = find_spec("torch") is not None
"""Intel Macs have no PyTorch, and everything else of fmi is tested there."""

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
DTYPES = ["bool", *INTEGERS, *FLOATS, "longdouble", *COMPLEX, "clongdouble"]


@dataclass(frozen=True)
class Kind:
    """A kind of array: how to make one that holds some values, and how to read it."""

    make: Callable[[Array], Any]
    dtypes: list[str]
    read: Callable[[Any], Array] = np.asarray


def _spread(values: Array) -> Array:
    """A view of every second element of a larger array."""
    room = np.zeros((*values.shape, 2), values.dtype)
    view: Array = room[..., 0]
    view[...] = values
    return view


def _typed(values: Array) -> array.array[Any]:
    codes = {np.dtype(code): code for code in "bBhHiIqQfd"}
    return array.array(codes[values.dtype], values.tobytes())


def _memory(values: Array) -> memoryview:
    return memoryview(values.copy())  # type: ignore[arg-type]


def tensor(values: Array) -> Any:  # noqa: ANN401 - a tensor, whose type cannot be named without PyTorch
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


class Wrapped:
    """An object with nothing but the array protocol."""

    def __init__(self, values: Array) -> None:
        self.values = values.copy()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.values.__array_interface__


KINDS: dict[str, Kind] = {
    "numpy": Kind(np.copy, DTYPES),
    "strided": Kind(_spread, ["bool", "int16", "float64", "complex128"]),
    "fortran": Kind(lambda values: np.copy(values, "F"), ["uint8", "float32"]),
    "memoryview": Kind(_memory, [*INTEGERS, "float32", "float64"]),
    "bytearray": Kind(
        lambda values: bytearray(values.tobytes()), ["uint8"], lambda b: np.frombuffer(b, np.uint8)
    ),
    "array.array": Kind(_typed, [*INTEGERS, "float32", "float64"]),
    "array protocol": Kind(Wrapped, ["int32", "float64"]),
}
if HAVE_TORCH:
    KINDS["torch"] = Kind(tensor, ["bool", *INTEGERS[:5], *FLOATS, *COMPLEX])


def numbers(rank: int, shape: tuple[int, ...], dtype: str) -> Array:
    """Small numbers, other ones on every rank; sums and products of eight of them are exact in every type."""
    n = int(np.prod(shape))
    values = ((np.arange(n) * 5 + rank * 7) % 3 + 1).reshape(shape).astype(dtype)
    if np.dtype(dtype).kind == "c":
        values *= (1j) ** (rank % 4)
    if dtype == "bool":
        values[...] = ((np.arange(n) + rank) % 3 > 0).reshape(shape)
    return values
