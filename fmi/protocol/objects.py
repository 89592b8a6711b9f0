"""Objects as bytes, without pickle, so that receiving one never runs code of the sender's.

Sent are None, bool, int, float, complex, str, bytes, bytearray, NumPy arrays and scalars of the types in
`fmi._dtype_codes`, and lists, tuples and dicts of these; each comes out with its type. Subclasses are
refused, as they would come out as something else.

The bytes are the length of a JSON text (8 bytes), the text, and the memory of arrays and bytes, each
beginning at a multiple of 16. In the text an object whose only key is "" stands for what JSON has not.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fmi._datatypes import Array, Value
from fmi._dtype_codes import dtype_code, dtype_of

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 16
_PLAIN = {type(None), bool, int, float, str}


def encode(obj: object) -> memoryview:
    """An object's bytes.

    Raises:
        TypeError: names the type, in the object or somewhere inside, that cannot be sent.
        ValueError: the object contains itself, is nested too deeply, or has an integer of thousands of
            digits.
    """
    writer = _Writer()
    try:
        text = json.dumps(writer.node(obj), separators=(",", ":")).encode()
    except RecursionError:
        raise ValueError("the object contains itself, or is nested too deeply to be sent") from None
    start = _aligned(_LENGTH.size + len(text))
    data = bytearray(start + writer.size)
    _LENGTH.pack_into(data, 0, len(text))
    data[_LENGTH.size : _LENGTH.size + len(text)] = text
    for offset, piece in writer.pieces:
        data[start + offset : start + offset + len(piece)] = piece
    return memoryview(data)


def decode(data: memoryview) -> Value:
    """The object. Its arrays are writable and share the memory of `data`."""
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    reader = _Reader(data[_aligned(end) :])
    return json.loads(bytes(data[_LENGTH.size : end]), object_hook=reader.restore)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


class _Writer:
    """Turns an object into what JSON has, and collects the memory that does not go into the text."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, memoryview]] = []
        self.size = 0

    def node(self, obj: object) -> object:
        kind = type(obj)
        if kind in _PLAIN:
            return obj
        write = _WRITERS.get(kind)
        if write:
            return write(self, obj)
        if isinstance(obj, np.generic):
            return self.scalar(obj)
        raise TypeError(
            f"a {kind.__module__}.{kind.__qualname__} cannot be sent; what can: None, bool, numbers, str, "
            "bytes, NumPy arrays, and lists, tuples and dicts of these"
        )

    def sequence(self, obj: Sequence[object]) -> object:
        if set(map(type, obj)) <= _PLAIN:
            return obj
        return [self.node(each) for each in obj]

    def mapping(self, obj: Mapping[object, object]) -> object:
        if set(map(type, obj)) <= {str} and "" not in obj:
            return {key: self.node(value) for key, value in obj.items()}
        return _node("dict", [[self.node(key), self.node(value)] for key, value in obj.items()])

    def binary(self, obj: bytes | bytearray) -> object:
        return _node(type(obj).__name__, self._piece(memoryview(obj)), len(obj))

    def array(self, obj: Array) -> object:
        return _node("array", *self._memory(obj), list(obj.shape))

    def scalar(self, obj: np.generic) -> object:
        return _node("scalar", *self._memory(np.asarray(obj)))

    def _memory(self, array: Array) -> tuple[int, int]:
        try:
            code = dtype_code(array.dtype)
        except TypeError as error:
            raise TypeError(f"a NumPy array or scalar cannot be sent: {error}") from None
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return code, self._piece(memoryview(flat))  # type: ignore[arg-type]

    def _piece(self, piece: memoryview) -> int:
        offset = self.size
        self.pieces.append((offset, piece))
        self.size = _aligned(offset + len(piece))
        return offset


def _node(kind: str, *content: object) -> object:
    return {"": [kind, *content]}


_WRITERS: dict[type, Callable[[_Writer, Any], object]] = {
    list: _Writer.sequence,
    tuple: lambda writer, obj: _node("tuple", writer.sequence(obj)),
    dict: _Writer.mapping,
    complex: lambda _, obj: _node("complex", obj.real, obj.imag),
    bytes: _Writer.binary,
    bytearray: _Writer.binary,
    np.ndarray: _Writer.array,
}


class _Reader:
    """Turns nodes back; JSON's parser calls `restore` from the inside out."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory

    def restore(self, node: dict[str, Any]) -> object:
        if "" not in node:
            return node
        kind, *content = node[""]
        return _READERS[kind](self, *content)

    def piece(self, offset: int, length: int) -> memoryview:
        return self._memory[offset : offset + length]

    def array(self, code: int, offset: int, shape: list[int]) -> Array:
        dtype = dtype_of(code)
        size = math.prod(shape) * dtype.itemsize
        return np.frombuffer(self.piece(offset, size), dtype).reshape(shape)


_READERS: dict[str, Callable[..., object]] = {
    "tuple": lambda _, items: tuple(items),
    "dict": lambda _, items: dict(items),
    "complex": lambda _, real, imag: complex(real, imag),
    "bytes": lambda reader, *place: bytes(reader.piece(*place)),
    "bytearray": lambda reader, *place: bytearray(reader.piece(*place)),
    "array": _Reader.array,
    "scalar": lambda reader, code, offset: reader.array(code, offset, [])[()],
}
