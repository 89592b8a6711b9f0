"""Which rank reads which data file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[list[str | int], str]:
    """A sort key that puts ``2.pt`` before ``10.pt`` (and ``01.pt`` before ``1.pt``)."""
    # Splitting at a group alternates text and digits, so that two keys never compare a number with a string.
    parts: list[str | int] = [
        int(part) if index % 2 else part for index, part in enumerate(_DIGITS.split(name))
    ]
    return parts, name


def natural_sort(names: Iterable[str]) -> list[str]:
    """The names in natural order."""
    return sorted(names, key=natural_key)


def split(files: Sequence[str], world_size: int) -> list[list[str]]:
    """Deal files out to ranks as contiguous runs, in order.

    Every file goes to exactly one rank and ranks differ by at most one file; the lower ranks have the larger
    shares. With more ranks than files, the last ranks get none.
    """
    share, larger = divmod(len(files), world_size)
    sizes = [share + (rank < larger) for rank in range(world_size)]
    return [list(files[start:end]) for start, end in pairwise(accumulate(sizes, initial=0))]
