"""Files of torch.save, read with the standard library and NumPy: no torch, and nothing in them is run.

Such a file is a ZIP archive, nothing in it compressed: `data.pkl` describes the objects,
`data/0`, `data/1`, … hold the numbers of the tensors (PyTorch's serialization notes). Arrays are views into
the bytes that were read, so that reading costs no second copy.
"""

import math
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import RawIOBase, UnsupportedOperation
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.data._torch_pickle import Class, Function, PickleError, Vocabulary, interpret

Array = npt.NDArray[Any]
Bytes = bytes | bytearray | memoryview

MAGIC = b"PK\x03\x04"
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of what PyTorch wrote before version 1.6: a pickled magic number."""

STORAGES: Mapping[str, str] = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""NumPy's name for what is in each kind of storage. NumPy has no bfloat16."""


class TensorDataset:
    """What stands for a torch TensorDataset: its `tensors`, as arrays."""

    def __init__(self) -> None:
        self.tensors: tuple[Array, ...] = ()

    def set_state(self, state: object) -> None:
        """Take the tensors out of the attributes that the file gives."""
        tensors = state.get("tensors") if isinstance(state, dict) else None
        if not isinstance(tensors, tuple) or not all(isinstance(tensor, np.ndarray) for tensor in tensors):
            raise PickleError("its TensorDataset holds something else than tensors")
        self.tensors = tensors


def load(content: Bytes, name: str) -> object:
    """The object in a file's bytes: arrays, and tuples, lists, dictionaries and a `TensorDataset` of arrays.

    The arrays have the shapes, strides and types of the saved tensors, share the memory of `content`, and can
    be written to if it can. Raises DataError, which calls the file `name`, when the file is damaged, or holds
    anything else: the first thing in it that is refused is named.
    """
    view = memoryview(content)
    if bytes(view[: len(LEGACY_MAGIC)]) == LEGACY_MAGIC:
        raise DataError(
            f"{name}: is in PyTorch's format from before 1.6; write it anew with "
            "torch.save(torch.load(path, weights_only=True), path)."
        )
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise DataError(f"{name}: is truncated or not a file written by torch.save.")
    try:
        archive = _Archive(view)
        return interpret(bytes(archive.record("data.pkl")), _vocabulary(archive))
    except PickleError as error:
        raise DataError(f"{name}: cannot be used, {_plain(error)}; nothing from it was run.") from error
    # The directory of a damaged archive can be wrong in any way; all of them mean the same to its owner.
    except Exception as error:
        raise DataError(f"{name}: is truncated or damaged ({_plain(error)}).") from error


class _Archive:
    """The records of a ZIP archive in memory, as views."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        with zipfile.ZipFile(_Reader(view)) as file:
            self.records = {info.filename.partition("/")[2]: info for info in file.infolist()}
        self.order = ">" if bytes(self._optional("byteorder")).strip() == b"big" else "<"

    def _optional(self, name: str) -> Bytes:
        return self.record(name) if name in self.records else sys.byteorder.encode()

    def record(self, name: str) -> memoryview:
        """The bytes of one record, compared with their checksum. Raises PickleError when damaged."""
        if name not in self.records:
            raise PickleError(f"it lacks the record {name}")
        info = self.records[name]
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise PickleError(f"its record {name} is compressed or encrypted, which torch.save does not do")
        # The directory repeats a record's header but for the length of the padding in front of the data.
        header = bytes(self.view[info.header_offset : info.header_offset + 30])
        if not header.startswith(MAGIC):
            raise PickleError(f"its record {name} is not where its directory says")
        lengths = np.frombuffer(header, "<u2", count=2, offset=26)
        start = info.header_offset + 30 + int(lengths.sum(dtype=np.int64))
        found = self.view[start : start + info.file_size]
        if len(found) != info.file_size or zlib.crc32(found) != info.CRC:
            raise PickleError(f"its record {name} is damaged (the checksum differs)")
        return found


class _Reader(RawIOBase):
    """Bytes as a file, for zipfile; io.BytesIO would copy them."""

    def __init__(self, view: memoryview) -> None:
        self._view, self._at = view, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._view))[whence]
        if self._at < 0:
            raise UnsupportedOperation("before the beginning")
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has the buffer protocol
        part = self._view[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


@dataclass(frozen=True)
class _Storage:
    """The numbers of one or more tensors, [n]."""

    numbers: Array


def _vocabulary(archive: _Archive) -> Vocabulary:
    storages: dict[str, _Storage] = {}

    def storage(reference: object) -> _Storage:
        assert isinstance(reference, tuple)  # noqa: S101 - like any damage, it ends in a DataError
        kind, dtype, key, _device, count = reference
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise PickleError("refused a reference to something else than a storage")
        if key not in storages:
            content = archive.record(f"data/{key}")
            if type(count) is not int or len(content) != count * dtype.itemsize:
                raise PickleError(f"its storage {key} has {len(content)} bytes, not {count} numbers {dtype}")
            storages[key] = _Storage(np.frombuffer(content, dtype))
        if storages[key].numbers.dtype != dtype:
            raise PickleError(f"its storage {key} is of two types")
        return storages[key]

    kinds = {("torch", kind): np.dtype(archive.order + code) for kind, code in STORAGES.items()}
    return Vocabulary({**kinds, **_NAMES}, storage)


def _tensor(
    storage: object, offset: object, shape: object, strides: object, *_hooks_and_gradients: object
) -> Array:
    """What torch._utils._rebuild_tensor_v2 does, within the bounds of the storage."""
    if not isinstance(storage, _Storage):
        raise PickleError("refused a tensor without a storage")
    numbers = storage.numbers
    shape, strides = _counts(shape), _counts(strides)
    (first,) = _counts((offset,))
    if len(shape) != len(strides):
        raise PickleError("a tensor has more dimensions than strides, or fewer")
    count = math.prod(shape)
    last = first + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if count and last >= len(numbers):
        raise PickleError(f"a tensor reaches number {last} of a storage of {len(numbers)}")
    # A few bytes could otherwise stand for any number of terabytes.
    if count > len(numbers):
        raise PickleError("a tensor repeats its numbers (call .contiguous() on it before torch.save)")
    if len(_hooks_and_gradients) > 2 and _hooks_and_gradients[2]:
        raise PickleError("a tensor is conjugated or negated (call .resolve_conj().resolve_neg() on it)")
    item = numbers.itemsize
    return np.lib.stride_tricks.as_strided(
        numbers[min(first, len(numbers)) :], shape, [stride * item for stride in strides]
    )


def _counts(values: object) -> Sequence[int]:
    if not isinstance(values, tuple) or not all(
        type(value) is int and 0 <= value < 2**63 for value in values
    ):
        raise PickleError("a tensor has a shape, stride or offset that is no count")
    return values


def _parameter(data: object, *_: object) -> object:
    """What torch._utils._rebuild_parameter does: here a parameter is a tensor like any other."""
    return data


def _ordered_dict() -> dict[str, object]:
    return {}


_NAMES: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): Function(_ordered_dict),
    ("torch._utils", "_rebuild_tensor_v2"): Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): Function(_parameter),
    ("torch.utils.data.dataset", "TensorDataset"): Class(TensorDataset),
}
"""Everything that a file may name, beside the kinds of storages."""


def _plain(error: Exception) -> str:
    """The error's text on one line of bounded length: parts of it may come from the file."""
    text = "".join(character if character.isprintable() else "?" for character in str(error)[:300])
    return text or type(error).__name__
