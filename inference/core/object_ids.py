"""Object ids as catalogues have them: 64-bit whole numbers, with or without a sign, or text.

An array of ids is int64 where that holds them all, else uint64 (eBOSS's specObjID lie above 2^63), else text.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[Any]

LEAST, MOST = -(2**63), 2**64 - 1


def canonical(values: Ids | Sequence[int | str]) -> Ids:
    """Whole numbers or text as int64, uint64 or text [N], whichever is the first to hold them all.

    Raises ValueError for anything else: numbers with a fraction, and whole numbers of more than 64 bits.
    """
    array = np.asarray(values, None if isinstance(values, np.ndarray) else object)
    if array.dtype.kind in "US":
        return array.astype(np.str_)
    if array.dtype.kind == "u" and (not len(array) or array.max() < 2**63):
        return array.astype(np.int64)
    if array.dtype.kind in "iu":
        return array.astype(np.int64 if array.dtype.kind == "i" else np.uint64)
    if array.dtype.kind != "O":
        raise ValueError(f"object ids are {array.dtype} instead of whole numbers or text")
    return _of_objects(array.tolist())


def _of_objects(values: Sequence[object]) -> Ids:
    if any(isinstance(value, str) for value in values):
        return np.array([str(value) for value in values], np.str_)
    numbers = [value for value in values if isinstance(value, int) and LEAST <= value <= MOST]
    if len(numbers) != len(values):
        raise ValueError("object ids are whole numbers of at most 64 bits, or text")
    if max(numbers, default=0) < 2**63:
        return np.array(numbers, np.int64)
    if min(numbers) >= 0:
        return np.array(numbers, np.uint64)
    return np.array([str(number) for number in numbers], np.str_)


def joined(parts: Sequence[Ids]) -> Ids:
    """All ids of arrays that may be of several types; NumPy itself makes floats of int64 beside uint64."""
    if len({part.dtype.kind for part in parts}) <= 1:
        return np.concatenate(parts) if parts else np.empty(0, np.int64)
    return canonical([one for part in parts for one in part.tolist()])


def same(first: Ids, second: Ids) -> bool:
    """Whether two arrays hold the same ids in the same order, also where one is text for the others' sake."""
    if "U" in (first.dtype.kind, second.dtype.kind):
        return np.array_equal(first.astype(np.str_), second.astype(np.str_))
    return np.array_equal(first, second)


def as_int64(ids: Ids) -> npt.NDArray[np.int64]:
    """The ids [N] as what a file with int64 alone can hold.

    Large ones keep their 64 bits (``.astype("uint64")`` gives them back), text becomes a checksum of itself.
    """
    if ids.dtype.kind != "U":
        return np.ascontiguousarray(ids).view(np.int64)
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in ids.tolist()]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.int64) & (2**63 - 1)
