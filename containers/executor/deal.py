"""Which rank reads which data file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise


def split(files: Sequence[str], world_size: int) -> list[list[str]]:
    """Deal files out to ranks as contiguous runs, in order.

    Every file goes to exactly one rank and ranks differ by at most one file; the lower ranks have the larger
    shares. With more ranks than files, the last ranks get none.
    """
    share, larger = divmod(len(files), world_size)
    sizes = [share + (rank < larger) for rank in range(world_size)]
    return [list(files[start:end]) for start, end in pairwise(accumulate(sizes, initial=0))]


def course_form(files: Sequence[str]) -> str | list[str] | None:
    """A rank's files as the course writes them: a key, a list of several, or null."""
    return (files[0] if len(files) == 1 else list(files)) if files else None
