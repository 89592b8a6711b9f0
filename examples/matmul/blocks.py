"""Rows of matrices: which rank has which, and what is in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def rows_of(rank: int, world_size: int, rows: int) -> range:
    """The rows of one rank; the first ranks have one more where they do not divide evenly."""
    share, larger = divmod(rows, world_size)
    start = rank * share + min(rank, larger)
    return range(start, start + share + (rank < larger))


def matrix(rows: range, columns: int) -> Array:
    """Rows of a matrix that every rank would make alike."""
    row, column = np.ogrid[rows.start : rows.stop, :columns]
    return np.sin(row + 1.0) * np.cos(column + 1.0) + (row == column)
