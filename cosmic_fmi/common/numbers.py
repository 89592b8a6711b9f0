"""Numbers that people write, on a command line or in a file: ValueError says what was expected."""

from __future__ import annotations

from cosmic_fmi.common.lambda_limits import LARGEST_MB, SMALLEST_MB


def count(text: str) -> int:
    """A whole number of at least 1; raises ValueError with what is expected."""
    return _whole(text, 1)


def count_from_0(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0)


def memory_size(text: str) -> int:
    """A memory size that Lambda accepts, in MB."""
    size = _whole(text, 1)
    if not SMALLEST_MB <= size <= LARGEST_MB:
        raise ValueError(f"a function's memory is between {SMALLEST_MB} and {LARGEST_MB} MB")
    return size


def amount(text: str) -> float:
    """A number above 0, such as megabytes or dollars."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ValueError("expected a number above 0")
    return found


def _whole(text: str, least: int) -> int:
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if found < least:
        raise ValueError(f"expected a whole number of at least {least}")
    return found
