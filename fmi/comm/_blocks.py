"""Arrays cut into shares of different sizes, as the operations ending in `v` take and give them."""

from __future__ import annotations

from collections.abc import Sequence

from fmi._datatypes import Array
from fmi.comm._arrays import of_size

Counts = Sequence[int]


def even_counts(total: int, size: int) -> list[int]:
    """Shares that differ by at most one element, the larger ones first."""
    share, extra = divmod(total, size)
    return [share + (rank < extra) for rank in range(size)]


def check_counts(counts: Counts, size: int, name: str = "counts") -> list[int]:
    """The counts as a list, or a ValueError unless there is one for every rank and none is negative."""
    numbers = [int(count) for count in counts]
    if len(numbers) != size or min(numbers) < 0:
        raise ValueError(f"{name} has one number of at least 0 for each of {size} ranks, not {numbers}")
    return numbers


def blocks(flat: Array, counts: Counts | None, displs: Counts | None, size: int, name: str) -> list[Array]:
    """Every rank's share of a flat array.

    Args:
        flat: the array.
        counts: number of elements of every rank's share; None cuts the array as evenly as it goes.
        displs: where every share begins; None lays them side by side, and they have to fill the array.
        size: number of ranks.
        name: the array's name, for messages.

    Raises:
        ValueError: the shares do not fit into the array, or overlap.
    """
    numbers = even_counts(flat.size, size) if counts is None else check_counts(counts, size)
    if displs is None:
        of_size(flat, sum(numbers), name)
        starts = [sum(numbers[:rank]) for rank in range(size)]
    else:
        starts = check_counts(displs, size, "displs")
    end = 0
    for start, count in sorted(zip(starts, numbers, strict=True)):
        if count and start < end:
            raise ValueError(f"the shares of {name} overlap: counts {numbers}, displs {starts}")
        end = max(end, start + count)
    if end > flat.size:
        raise ValueError(f"the shares of {name} go up to element {end}, but it has {flat.size}")
    return [flat[start : start + count] for start, count in zip(starts, numbers, strict=True)]
