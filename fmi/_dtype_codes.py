"""Element types on the wire: one byte each, the same on every machine.

A `longdouble` is 80 bits wide on Intel and 128 on Arm Linux; each format has a code of its own, so that ranks
on unlike machines get a MismatchError and not garbage. Where it is just a double it counts as one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
