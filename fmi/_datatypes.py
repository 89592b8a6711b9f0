"""Types of the original interface, values as flat NumPy arrays, and the codes of element types on the wire.

`fmi.types(fmi.datatypes.int_list, 3)` names 3 integers. Integers are 64-bit (32-bit in the original FMI): a
value outside is a ValueError. Doubles are IEEE 754 binary64.

On the wire an element type is one byte, the same on every machine. A `longdouble` is 80 bits wide on Intel
and 128 on Arm Linux: each format has its own code, so that ranks on unlike machines get a MismatchError and
not garbage. Where it is just a double it has the code of a double.
"""

from __future__ import annotations

import enum
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# What callers pass and get: a number, a list or an array, as the type and the sender say.
Value = Any

INT = np.dtype(np.int64)
DOUBLE = np.dtype(np.float64)
_INT_LIMITS = np.iinfo(np.int64)


class datatypes(enum.Enum):  # noqa: N801 - the original interface's name
    """Kinds of values; the list kinds need a length."""

    int = 1
    double = 2
    int_list = 3
    double_list = 4


class Form(enum.IntEnum):
    """How a value was passed, so that it is returned in the same form."""

    SCALAR = 0
    LIST = 1
    ARRAY = 2


class types:  # noqa: N801 - the original interface's name
    """The type of a call's data: a kind and, for lists, how many values.

    Args:
        kind: one of `fmi.datatypes`.
        n: number of values of a list kind, at least 1. For scatter it is the whole list's length.
    """

    def __init__(self, kind: datatypes, n: int | None = None) -> None:
        if not isinstance(kind, datatypes):
            raise TypeError(f"the first argument of fmi.types is one of fmi.datatypes, not {kind!r}")
        is_list = kind in (datatypes.int_list, datatypes.double_list)
        if is_list and (n is None or isinstance(n, bool) or not isinstance(n, numbers.Integral)):
            raise TypeError(
                f"fmi.datatypes.{kind.name} needs a length: fmi.types(fmi.datatypes.{kind.name}, n)"
            )
        if is_list and n is not None and n < 1:
            raise ValueError(f"the length of fmi.datatypes.{kind.name} is at least 1, not {n}")
        if not is_list and n not in (None, 1):
            raise ValueError(f"fmi.datatypes.{kind.name} is one value and takes no length")
        self.kind = kind
        self.is_list = is_list
        self.count = int(n) if is_list and n is not None else 1
        self.dtype = INT if kind in (datatypes.int, datatypes.int_list) else DOUBLE

    def __repr__(self) -> str:
        length = f", {self.count}" if self.is_list else ""
        return f"fmi.types(fmi.datatypes.{self.kind.name}{length})"

    def form_of(self, obj: object) -> Form:
        """The form of `obj`: an array, or else a list or a scalar as the kind says."""
        if self.is_list:
            return Form.ARRAY if isinstance(obj, np.ndarray) else Form.LIST
        return Form.SCALAR

    def flatten(self, obj: object) -> Array:
        """Turn a value into a flat, contiguous array of `count` values, without a copy where it is one.

        Raises:
            TypeError: the value is not of this kind (a float for an int, a string, None …).
            ValueError: the wrong number of values, or an integer outside 64 bits.
        """
        if not self.is_list and not _is_scalar(obj):
            raise TypeError(f"expected one {self.kind.name}, got {type(obj).__name__}")
        if self.is_list and not isinstance(obj, list | tuple | np.ndarray):
            raise TypeError(
                f"expected a list, tuple or array of {self.count} values, got {type(obj).__name__}"
            )
        array = _as_array(obj, self.dtype)
        if array.size != self.count:
            raise ValueError(f"expected {self.count} values, got {array.size}")
        return array

    def restore(self, array: Array, form: Form, shape: tuple[int, ...] | None = None) -> Value:
        """Turn a flat array back into a scalar, a list or an array (of the given shape)."""
        if form is Form.SCALAR:
            return array[0].item()
        if form is Form.LIST:
            return array.tolist()
        return array if shape is None else array.reshape(shape)

    def from_custom(self, results: list[Any]) -> Array:
        """Turn a custom function's results, one for each element, into a flat array.

        Raises:
            TypeError, ValueError: a result is no number of this kind.
        """
        try:
            return _as_array(results, self.dtype)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"the custom function's result is wrong: {error}. In calls with a type it gets two numbers, "
                "one of each rank's, and returns one; the upper-case calls pass whole arrays"
            ) from None


def _is_scalar(obj: object) -> bool:
    return isinstance(obj, numbers.Real | np.bool_) or (isinstance(obj, np.ndarray) and obj.ndim == 0)


def _as_array(obj: object, dtype: np.dtype[Any]) -> Array:
    source = obj if isinstance(obj, np.ndarray) else _from_python(obj, dtype)
    if source.dtype == dtype and source.flags.c_contiguous:
        return source.reshape(-1)
    if source.dtype.kind not in ("bui" if dtype == INT else "buif"):
        raise TypeError(f"expected {dtype.name} values, got an array of {source.dtype}")
    if dtype == INT and source.dtype == np.uint64 and source.size and int(source.max()) > _INT_LIMITS.max:
        raise ValueError(f"a number is outside the range of {dtype.name}")
    return np.ascontiguousarray(source, dtype).reshape(-1)


def _from_python(obj: object, dtype: np.dtype[Any]) -> Array:
    values = obj if isinstance(obj, list | tuple) else [obj]
    try:
        if _are_plain(values, dtype):
            return np.fromiter(values, dtype, len(values))
        array = np.array(values)
    except (ValueError, TypeError, OverflowError):  # ragged, or too large: found and named below
        array = np.empty(0)
    if (
        array.ndim == 1
        and array.size == len(values)
        and array.dtype.kind in ("bi" if dtype == INT else "bif")
    ):
        return array
    return _from_odd_values(values, dtype)


def _are_plain(values: list[Any] | tuple[Any, ...], dtype: np.dtype[Any]) -> bool:
    """Whether all are Python's own numbers, which NumPy converts faster if it need not find that out.

    Only then is their sum one, which Python computes five times faster than NumPy looks at their types. The
    first value tells whether to try: NumPy is the faster one for its own numbers, and for ints as doubles.
    """
    plain = int if dtype == INT else float
    if not values or type(values[0]) is not plain:
        return False
    try:
        with np.errstate(all="ignore"):  # there may be some of NumPy's, whose sum overflows with a warning
            return type(sum(values, plain())) is plain
    except (ArithmeticError, TypeError, ValueError):
        return False


def _from_odd_values(values: list[Any] | tuple[Any, ...], dtype: np.dtype[Any]) -> Array:
    """Convert one value after another, to name the one that does not fit."""
    allowed = numbers.Integral | np.bool_ if dtype == INT else numbers.Real | np.bool_
    for value in values:
        if not isinstance(value, allowed):
            raise TypeError(f"expected {dtype.name} values, got {value!r} ({type(value).__name__})")
    try:
        return np.array(values, dtype)
    except OverflowError:
        raise ValueError(f"a number is outside the range of {dtype.name}") from None


# Codes on the wire

NO_DTYPE = 0
OBJECT = 255
_NAMES = ["none", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
_NAMES += ["float16", "float32", "float64", "complex64", "complex128"]
_PORTABLE = len(_NAMES)
_NAMES += ["longdouble80", "longdouble128", "clongdouble80", "clongdouble128"]
_LONG = {63: "80", 112: "128"}.get(int(np.finfo(np.longdouble).nmant))


def _numpy_types() -> dict[np.dtype[Any], int]:
    codes = {np.dtype(name): code for code, name in enumerate(_NAMES) if 0 < code < _PORTABLE}
    if _LONG:
        codes[np.dtype(np.longdouble)] = _NAMES.index(f"longdouble{_LONG}")
        codes[np.dtype(np.clongdouble)] = _NAMES.index(f"clongdouble{_LONG}")
    else:
        codes.setdefault(np.dtype(np.longdouble), _NAMES.index("float64"))
        codes.setdefault(np.dtype(np.clongdouble), _NAMES.index("complex128"))
    return codes


_CODES = _numpy_types()
_DTYPES = {code: dtype for dtype, code in reversed(_CODES.items())}


def dtype_code(dtype: np.dtype[Any]) -> int:
    """The byte of an element type.

    Raises:
        TypeError: elements of this type cannot be sent.
    """
    code = _CODES.get(dtype)
    if code is not None:
        return code
    if not dtype.isnative and dtype.newbyteorder("=") in _CODES:
        raise TypeError(
            f"{dtype.str} has the other byte order: use array.astype(array.dtype.newbyteorder('='))"
        )
    raise TypeError(f"elements are numbers (bool, integer, float or complex), not {dtype}")


def dtype_of(code: int) -> np.dtype[Any]:
    """The element type of a byte. Raises ValueError when this machine has no such type."""
    if code not in _DTYPES:
        raise ValueError(f"this machine has no {dtype_name(code)}")
    return _DTYPES[code]


def dtype_name(code: int) -> str:
    """The element type's name for messages."""
    if code == OBJECT:
        return "object"
    return _NAMES[code] if code < len(_NAMES) else f"type {code}"
