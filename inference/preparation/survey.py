"""A whole source, examined once: what is kept, which part of the split it goes to, and statistics."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation import rules
from inference.preparation.blocks import Reason, Source
from inference.preparation.outliers import Fences

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Survey:
    """The catalogue of a source, one row an object that was read, dropped ones included."""

    source: Source
    object_id: npt.NDArray[np.int64]
    magnitude: npt.NDArray[np.float64]
    reason: npt.NDArray[np.int8]
    fences: Fences

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Which rows stay."""
        return np.asarray(self.reason == Reason.NONE)

    def dropped(self) -> dict[str, int]:
        """How many were dropped for each reason, zeros included."""
        return {one.text: int((self.reason == one).sum()) for one in Reason if one is not Reason.NONE}

    def galaxies(self, rows: npt.NDArray[np.bool_]) -> Iterator[Galaxies]:
        """The galaxies of the chosen rows, read again, in order and in blocks.

        Raises DataError when the source has changed since it was examined.
        """
        start, same = 0, True
        for block in self.source.blocks():
            place = slice(start, start + len(block))
            chosen = rows[place]
            start += len(block)
            same = (
                start <= len(rows)
                and np.array_equal(block.galaxies.object_id, self.object_id[place])
                and not rules.judge(block)[chosen].any()
            )
            if not same:
                break
            if chosen.all():
                yield block.galaxies
            elif chosen.any():
                yield block.galaxies[chosen]
        if not same or start != len(rows):
            raise DataError(f"{self.source.name}: changed while it was read; start again.")


def ignore(_count: int) -> None:
    """A report that nobody wants."""


def examine(source: Source, *, drop_outliers: bool = True, report: Callable[[int], None] = ignore) -> Survey:
    """Read everything once and judge it; `report` gets the number of objects that have been read.

    Raises DataError when nothing could be read.
    """
    ids, magnitudes, redshifts, reasons, count = [], [], [], [], 0
    for block in source.blocks():
        ids.append(block.galaxies.object_id)
        magnitudes.append(block.galaxies.magnitude)
        redshifts.append(block.galaxies.redshift)
        reasons.append(rules.judge(block))
        count += len(block)
        report(count)
    if not count:
        raise DataError(f"{source.name}: holds no galaxies.")
    object_id, magnitude = np.concatenate(ids), np.concatenate(magnitudes)
    reason = rules.judge_redshifts(np.concatenate(reasons), np.concatenate(redshifts))
    reason, fences = rules.judge_together(reason, object_id, magnitude, drop_outliers=drop_outliers)
    return Survey(source, object_id, magnitude, reason, fences)


def split(kept: npt.NDArray[np.bool_], shares: Sequence[float], seed: int) -> npt.NDArray[np.int8]:
    """The part of each row, -1 where it is not kept; int8 [N].

    Rows are dealt out at random by `seed`, so that the parts' sizes are the shares (which need not sum to
    one) of what is kept, to within one.
    """
    rows = np.flatnonzero(kept)
    edges = np.round(np.cumsum([0.0, *shares]) / sum(shares) * len(rows)).astype(int)
    order = np.random.default_rng(seed).permutation(rows)
    part = np.full(len(kept), -1, np.int8)
    for number, (start, end) in enumerate(pairwise(edges)):
        part[order[start:end]] = number
    return part
