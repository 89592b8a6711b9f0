"""Numbers of a rank's row, which are text where it was read back from ``ranks.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value(row: Mapping[str, Any], key: str) -> float | None:
    """A number; None for an empty cell."""
    found = row.get(key)
    return None if found in (None, "") else float(found)


def seconds(row: Mapping[str, Any], key: str) -> float:
    """A number; 0 for an empty cell."""
    return value(row, key) or 0.0
