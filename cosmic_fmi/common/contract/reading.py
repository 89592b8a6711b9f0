"""What a rank's script left as its result, read without believing its form: a script may be anybody's.

The object in S3 is kept as it is. Of it, Summarize and whoever collects results use only what fits the
contract (DESIGN 3.3); what does not is left out and named, never an error.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

COUNTS = ("num_samples", "num_batches", "batch_size", "s3_num_requests", "s3_bytes")
"""Whole numbers from 0; a text of digits is one, as in the course's inputs."""

NUMBERS = (
    "total_cpu_time (seconds)",
    "total_cpu_memory (MB)",
    "execution_time (seconds/batch)",
    "throughput_bps",
    "sample_persec",
    "ram_info (GB)",
    "wall_time (seconds)",
    "download_time (seconds)",
    "s3_total_time",
    "s3_avg_time",
    "s3_min_time",
    "s3_max_time",
    "peak_rss (MB)",
)
"""Finite numbers."""

NUMBERS_BY_NAME = ("phases", "metrics", "world_metrics", "fmi")
"""Objects whose values are finite numbers, null, or more such objects."""

_MOST_COUNTED = 2**63 - 1
_LONGEST_NAME = 60
_DEEPEST = 50


class NotAResultError(ValueError):
    """What is there is no JSON object: a sentence without its subject, such as ``is not JSON: …``."""


class NotATableError(ValueError):
    """What is there is no table that fits: a sentence without its subject, such as ``has no object_id``."""


@dataclass(frozen=True)
class Result:
    """A rank's result: what fits the contract, with the script's own further keys as they are."""

    values: dict[str, Any]
    left_out: list[str] = field(default_factory=list)
    """What did not fit, each in a few words."""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, NaN and infinities as null, since JSON knows none.

    Raises :class:`NotAResultError` for anything else.
    """
    try:
        parsed = json.loads(body, parse_constant=lambda _: None, parse_float=_finite_or_none)
    except RecursionError:
        raise NotAResultError("is nested too deeply to be read") from None
    except ValueError as error:
        raise NotAResultError(f"is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise NotAResultError("is not a JSON object")
    if _nested_deeper(parsed, _DEEPEST):
        raise NotAResultError("is nested too deeply to be read")
    return parsed


def fit(result: Mapping[str, Any]) -> Result:
    """What of a parsed result fits the contract."""
    values: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in result.items():
        try:
            if name in NUMBERS_BY_NAME:
                values[name] = _numbers_by_name(name, value, left_out)
            else:
                values[name] = _RULES[name](value) if name in _RULES else value
        except ValueError as error:
            left_out.append(f"{printable(name)}: {error}")
    return Result(values, left_out)


def read_table(body: bytes) -> pa.Table:
    """The table in a Parquet file; :class:`NotATableError` for one that is damaged or none."""
    import pyarrow as pa  # noqa: PLC0415 - a third of a second that executions without predictions need not wait
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        # Whatever was written without checksums is read all the same.
        table = pq.read_table(io.BytesIO(body), page_checksum_verification=True)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:  # OSError: damaged pages and footers
        raise NotATableError(f"is no Parquet file, or a damaged one: {_first_line(error)}") from None
    return table


def fit_table(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema`` in its types.

    Raises :class:`NotATableError` where one is missing, there twice, or of a type that does not fit.
    """
    import pyarrow as pa  # noqa: PLC0415

    if repeated := sorted({name for name in schema.names if table.column_names.count(name) > 1}):
        raise NotATableError(f"has the column {repeated[0]} twice")
    if missing := [name for name in schema.names if name not in table.column_names]:
        raise NotATableError(f"has no column {' or '.join(missing)}")
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise NotATableError(f"does not hold the types of predictions: {_first_line(error)}") from None


def printable(text: str, most: int = _LONGEST_NAME) -> str:
    """A script's text in one line of an error, without control characters, cut when it is long."""
    shown = "".join(char if char.isprintable() else "�" for char in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def _nested_deeper(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            item
            for one in level
            if isinstance(one, dict | list)
            for item in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def _finite_or_none(text: str) -> float | None:
    """1e999 is valid JSON, and infinite in Python."""
    number = float(text)
    return number if math.isfinite(number) else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_COUNTED:
        raise ValueError(f"{_shown(value)} is no whole number from 0")
    return value


def _number(value: object) -> float | int | None:
    if value is None:
        return None
    if isinstance(value, str) and len(value) < 40:
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValueError(f"{_shown(value)} is no number")
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _numbers_by_name(path: str, value: object, left_out: list[str]) -> dict[str, Any]:
    """The numbers in an object and in those below it; what else is in there is left out by its path."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{_shown(value)} is no object of numbers")
    found: dict[str, Any] = {}
    for name, item in value.items():
        below = f"{path}.{name}"
        try:
            found[name] = (
                _numbers_by_name(below, item, left_out) if isinstance(item, Mapping) else _number(item)
            )
        except ValueError as error:
            left_out.append(f"{printable(below)}: {error}")
    return found


def _sentences(value: object) -> list[str]:
    """A list of texts; a single one counts as a list of it, and what is empty as none."""
    items = value if isinstance(value, list) else [value] if value else []
    texts = [printable(item, 2000) for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        raise ValueError(f"{_shown(value)} is no list of texts")
    return texts


def _shown(value: object) -> str:
    try:
        return printable(json.dumps(value))
    except (ValueError, RecursionError):  # a number of thousands of digits
        return f"its {type(value).__name__}"


def _first_line(error: Exception) -> str:
    return printable(next(iter(str(error).splitlines()), type(error).__name__), 200)


_RULES: dict[str, Callable[[object], Any]] = {
    **dict.fromkeys(COUNTS, _count),
    **dict.fromkeys(NUMBERS, _number),
    "refused_partitions": _sentences,
}
