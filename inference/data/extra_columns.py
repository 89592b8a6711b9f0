"""Further columns of galaxies inside a partition, whose format holds nothing but arrays of numbers.

They are an array of bytes, uint8 [N, W]: a JSON object a row, padded with spaces, so that
``json.loads(bytes(row))`` reads one anywhere.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core import object_ids
from inference.core.errors import DataError
from inference.core.galaxies import Extra

ID = "object_id"
"""Ids that int64 does not hold are among these columns."""


def encode(extra: Extra, count: int) -> npt.NDArray[np.uint8]:
    """Columns [N] as bytes [N, W]."""
    columns = [column.tolist() for column in extra.values()]
    rows = [
        json.dumps({name: _plain(value) for name, value in zip(extra, row, strict=True)}).encode()
        for row in zip(*columns, strict=True)
    ] or [b"{}"] * count
    width = max(map(len, rows), default=0)
    joined = b"".join(row.ljust(width) for row in rows)
    return np.frombuffer(bytearray(joined), np.uint8).reshape(count, width)


def _plain(value: object) -> object:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def decode(content: npt.NDArray[Any], count: int, name: str) -> dict[str, npt.NDArray[Any]]:
    """The columns that `encode` made bytes of. Raises DataError, which calls the file `name`, for others."""
    if content.dtype != np.uint8 or content.ndim != 2 or len(content) != count:
        raise DataError(f"{name}: its further columns are not the bytes of {count} rows.")
    try:
        rows = [dict(json.loads(row.tobytes())) for row in content]
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{name}: its further columns are not JSON objects ({error}).") from error
    names = dict.fromkeys(key for row in rows for key in row)
    return {key: _column(rows, key, name) for key in names}


def _column(rows: Sequence[Mapping[str, Any]], key: str, name: str) -> npt.NDArray[Any]:
    values = [row.get(key) for row in rows]
    types = {type(value) for value in values if value is not None}
    if types <= {bool}:
        return np.array([bool(value) for value in values])
    if types == {int} and None not in values:
        return _whole(values, key, name)
    if types <= {int, float}:
        return np.array([np.nan if value is None else float(value) for value in values])
    if types == {str}:
        return np.array([value or "" for value in values], np.str_)
    raise DataError(f"{name}: its column {key} holds values of several kinds.")


def _whole(values: Sequence[Any], key: str, name: str) -> npt.NDArray[Any]:
    try:
        return object_ids.canonical(list(values))
    except ValueError as error:
        raise DataError(f"{name}: its column {key} holds numbers of more than 64 bits.") from error
