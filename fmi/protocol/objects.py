"""Objects as bytes, without pickle, so that receiving one never runs code of the sender's.

Sent are None, bool, int, float, complex, str, bytes, bytearray, NumPy arrays and scalars of the types in
`fmi._datatypes`, and lists, tuples and dicts of these; each comes out with its type. Subclasses are
refused, as they would come out as something else.

The bytes are the length of a JSON text (8 bytes), the text, and the memory of arrays, bytes and long texts,
each beginning at a multiple of 16. In the text an object whose only key is "" stands for what JSON has not.
Long lists and tuples of numbers of one type travel as arrays, and those of rows (tuples or lists of one
length) column by column.
"""

from __future__ import annotations

import json
import math
import operator
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fmi._datatypes import Array, Value, dtype_code, dtype_of

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 16
_PLAIN = {type(None), bool, int, float, str}
# Where an array costs less than text, and a column less than its rows.
LONG_LIST = 64
MOST_COLUMNS = 256
LONG_TEXT = 64 * 1024
_NUMBERS: dict[type, np.dtype[Any]] = {kind: np.dtype(kind) for kind in (bool, float, complex)} | {
    int: np.dtype(np.int64)
}


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
    view = memoryview(data)  # a bytearray's own slices would be filled from a copy
    for offset, piece in writer.pieces:
        view[start + offset : start + offset + len(piece)] = piece
    return view


def decode(data: memoryview) -> Value:
    """The object. Its arrays are writable.

    An array that is most of the memory that `data` lies in shares it; others are copied, so that whoever
    keeps a small part of a message does not keep all of it.
    """
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    reader = _Reader(data[_aligned(end) :], memoryview(data.obj).nbytes)
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
            return self.text(obj) if kind is str and len(obj) >= LONG_TEXT else obj  # type: ignore[arg-type]
        write = _WRITERS.get(kind)
        if write:
            return write(self, obj)
        if isinstance(obj, np.generic):
            return self.scalar(obj)
        raise TypeError(
            f"a {kind.__module__}.{kind.__qualname__} cannot be sent; what can: None, bool, numbers, str, "
            "bytes, NumPy arrays, and lists, tuples and dicts of these"
        )

    def sequence(self, obj: Sequence[Any]) -> object:
        """A list's or tuple's content, which is read as a list."""
        kinds = set(map(type, obj))
        if len(kinds) == 1 and len(obj) >= LONG_LIST:
            (kind,) = kinds
            node = self.numbers(kind, obj) if kind in _NUMBERS else self.rows(kind, obj)
            if node is not None:
                return node
        if kinds <= _PLAIN and not (kinds == {str} and max(map(len, obj)) >= LONG_TEXT):
            return obj
        return [self.node(each) for each in obj]

    def numbers(self, kind: type, obj: Sequence[Any]) -> object | None:
        """Numbers of one type; None where an integer has more than 64 bits."""
        try:
            array = np.fromiter(obj, _NUMBERS[kind], len(obj))
        except OverflowError:
            return None
        return _node("numbers", *self._memory(array), len(obj))

    def rows(self, kind: type, obj: Sequence[Any]) -> object | None:
        """Tuples or lists of one length; None for anything else."""
        if kind not in (tuple, list):
            return None
        lengths = set(map(len, obj))
        width = lengths.pop()
        if lengths or not 0 < width <= MOST_COLUMNS:
            return None
        columns = [self.sequence(list(map(operator.itemgetter(n), obj))) for n in range(width)]
        return _node("rows", kind.__name__, columns)

    def text(self, obj: str) -> object:
        piece = memoryview(obj.encode("utf-8", "surrogatepass"))
        return _node("text", self._piece(piece), len(piece))

    def mapping(self, obj: Mapping[object, object]) -> object:
        if set(map(type, obj)) <= {str} and "" not in obj:
            return {key: self.node(value) for key, value in obj.items()}
        return _node("dict", self.sequence(list(obj)), self.sequence(list(obj.values())))

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

    def __init__(self, memory: memoryview, whole: int) -> None:
        self._memory = memory
        self._whole = whole

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
        array = np.frombuffer(self.piece(offset, size), dtype).reshape(shape)
        return array if 2 * size >= self._whole else array.copy()

    def numbers(self, code: int, offset: int, count: int) -> list[Any]:
        dtype = dtype_of(code)
        numbers: list[Any] = np.frombuffer(self.piece(offset, count * dtype.itemsize), dtype).tolist()
        return numbers


def _rows(kind: str, columns: list[list[Any]]) -> list[Any]:
    rows = zip(*columns, strict=True)
    return list(rows) if kind == "tuple" else list(map(list, rows))


_READERS: dict[str, Callable[..., object]] = {
    "tuple": lambda _, items: tuple(items),
    "dict": lambda _, keys, values: dict(zip(keys, values, strict=True)),
    "numbers": _Reader.numbers,
    "rows": lambda _, kind, columns: _rows(kind, columns),
    "text": lambda reader, *place: str(reader.piece(*place), "utf-8", "surrogatepass"),
    "complex": lambda _, real, imag: complex(real, imag),
    "bytes": lambda reader, *place: bytes(reader.piece(*place)),
    "bytearray": lambda reader, *place: bytearray(reader.piece(*place)),
    "array": _Reader.array,
    "scalar": lambda reader, code, offset: reader.array(code, offset, [])[()],
}
