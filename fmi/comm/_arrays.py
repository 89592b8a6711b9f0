"""The arrays that callers of the upper-case operations pass, as flat NumPy arrays over their memory.

Taken are NumPy arrays, whatever has the buffer protocol (bytes, bytearray, memoryview, array.array, mmap …)
or the array protocol, and PyTorch tensors on the CPU; PyTorch itself is not imported. Elements go in C order,
however they lie in memory. An array that is not contiguous is sent from a copy, and filled through one.

The operations ending in `v` take and give arrays in blocks of different sizes, see `bounds`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np

from fmi._datatypes import Array, dtype_code


class HasBuffer(Protocol):
    """Anything with the buffer protocol."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """Its memory."""


class HasArray(Protocol):
    """Anything with the array protocol, PyTorch tensors on the CPU included."""

    def __array__(self) -> Array:
        """Itself as an array."""


Buffer = HasBuffer | HasArray
Counts = Sequence[int]


class InPlace(enum.Enum):
    """The type of `fmi.IN_PLACE`."""

    IN_PLACE = "fmi.IN_PLACE"

    def __repr__(self) -> str:
        return self.value


# Passed in place of a buffer: the data is in the other one already, and the result replaces it.
IN_PLACE: Final = InPlace.IN_PLACE


def outgoing(buffer: Buffer | InPlace | None, name: str) -> Array:
    """The flat array to send: the buffer's own memory if that is contiguous, else a copy.

    Raises:
        TypeError: not an array, or its elements cannot be sent.
    """
    return np.ascontiguousarray(_view(buffer, name)).reshape(-1)


def shape_of(buffer: Buffer | InPlace) -> tuple[int, ...]:
    """An array's shape."""
    return _view(buffer, "sendbuf").shape


class Incoming:
    """A buffer to be filled.

    Attributes:
        flat: fill this, then call `settle`: the buffer's own memory, or scratch if that is not contiguous.
        shape: the buffer's.

    Raises:
        TypeError: not an array, or one that cannot be filled in place.
        ValueError: it is read-only.
    """

    def __init__(self, buffer: Buffer | InPlace | None, name: str) -> None:
        self._array = _view(buffer, name)
        if not isinstance(buffer, np.ndarray) and not _shares_memory(buffer):
            raise TypeError(f"{name} is a {type(buffer).__name__}, which cannot be filled in place")
        if not self._array.flags.writeable:
            raise ValueError(f"{name} is read-only")
        self.shape = self._array.shape
        self._direct = self._array.flags.c_contiguous
        self.flat: Array = (
            self._array.reshape(-1) if self._direct else np.empty(self._array.size, self._array.dtype)
        )

    def load(self) -> Array:
        """`flat`, with what the buffer holds now."""
        if not self._direct:
            self.flat.reshape(self.shape)[...] = self._array
        return self.flat

    def settle(self) -> None:
        """Copy `flat` into the buffer, if it is not the buffer's own memory."""
        if not self._direct:
            self._array[...] = self.flat.reshape(self.shape)


def apart(sent: Array, filled: Array) -> Array:
    """The array that is sent, copied if it shares memory with the one that is filled meanwhile."""
    return sent.copy() if np.may_share_memory(sent, filled) else sent


def same_type(sent: Array, filled: Array) -> None:
    """Raise TypeError unless both arrays have the same element type."""
    if sent.dtype != filled.dtype:
        raise TypeError(f"sendbuf has elements of {sent.dtype}, recvbuf of {filled.dtype}")


def of_size(array: Array, size: int, name: str) -> Array:
    """The array, or a ValueError unless it has this many elements."""
    if array.size != size:
        raise ValueError(f"{name} has {array.size} elements where {size} are needed")
    return array


def even_counts(total: int, size: int) -> list[int]:
    """Sizes of blocks that differ by at most one element, the larger ones first."""
    each, extra = divmod(total, size)
    return [each + (rank < extra) for rank in range(size)]


def check_counts(counts: Counts, size: int, name: str = "counts") -> list[int]:
    """The counts as a list, or a ValueError unless there is one for every rank and none is negative."""
    numbers = [int(count) for count in counts]
    if len(numbers) != size or min(numbers) < 0:
        raise ValueError(f"{name} has one number of at least 0 for each of {size} ranks, not {numbers}")
    return numbers


def bounds(
    flat: Array, counts: Counts | None, displs: Counts | None, size: int, name: str
) -> tuple[tuple[int, int], ...]:
    """Where each rank's block of a flat array begins and ends.

    Args:
        flat: the array.
        counts: number of elements of every rank's block; None cuts the array as evenly as possible.
        displs: where every block begins; None means side by side, and they have to fill the array.
        size: number of ranks.
        name: the array's name, for messages.

    Raises:
        ValueError: the blocks do not fit into the array, or overlap.
    """
    numbers = even_counts(flat.size, size) if counts is None else check_counts(counts, size)
    if displs is None:
        of_size(flat, sum(numbers), name)
        starts = [sum(numbers[:rank]) for rank in range(size)]
    else:
        starts = check_counts(displs, size, "displs")
    end = 0
    for start, count in sorted(zip(starts, numbers, strict=True)):
        if count and start < end:
            raise ValueError(f"the shares of {name} overlap: counts {numbers}, displs {starts}")
        end = max(end, start + count)
    if end > flat.size:
        raise ValueError(f"the shares of {name} go up to element {end}, but it has {flat.size}")
    return tuple((start, start + count) for start, count in zip(starts, numbers, strict=True))


def _view(buffer: object, name: str) -> Array:
    array = buffer if type(buffer) is np.ndarray else _as_array(buffer, name)
    try:
        dtype_code(array.dtype)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    return array


def _as_array(buffer: object, name: str) -> Array:
    if buffer is IN_PLACE:
        raise TypeError(f"{name} cannot be fmi.IN_PLACE here")
    if hasattr(buffer, "__cuda_array_interface__"):
        raise TypeError(f"{name} is in a GPU's memory; move it to the CPU first, such as with tensor.cpu()")
    if isinstance(buffer, np.ma.MaskedArray):
        raise TypeError(f"{name} has a mask, which would be lost; use numpy.ma.filled first")
    if hasattr(buffer, "detach") and hasattr(buffer, "device"):
        return _from_tensor(buffer, name)
    if isinstance(buffer, np.ndarray | np.generic):
        return np.asarray(buffer)
    try:
        return np.asarray(memoryview(buffer))  # type: ignore[arg-type]
    except TypeError:
        if hasattr(buffer, "__array_interface__") or hasattr(buffer, "__array__"):
            return np.asarray(buffer)
    raise TypeError(
        f"{name} is an array or something else with the buffer protocol, not {type(buffer).__name__}; "
        "the lower-case operations take other objects"
    )


def _from_tensor(tensor: Any, name: str) -> Array:  # noqa: ANN401 - without importing its type
    if str(tensor.device) != "cpu":
        raise TypeError(f"{name} is on the device {tensor.device}; move it to the CPU first: tensor.cpu()")
    try:
        return np.asarray(tensor.detach().numpy())
    except (TypeError, RuntimeError) as error:  # bfloat16, sparse, or with its conjugate bit set
        raise TypeError(f"{name} cannot be seen as a NumPy array: {error}") from None


def _shares_memory(buffer: object) -> bool:
    """Whether an array made of the buffer shares its memory, so that writing to it fills the buffer."""
    if hasattr(buffer, "__array_interface__") or hasattr(buffer, "detach"):
        return not isinstance(buffer, np.generic)
    try:
        memoryview(buffer).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True
