"""A whole source, examined once: what is kept, which part of the split it goes to, and statistics."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inference.core import object_ids, validity
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.core.object_ids import Ids
from inference.preparation import outliers, rules
from inference.preparation.blocks import Reason, Source
from inference.preparation.outliers import Fences

PARTS = ("train", "validation", "test")
OUTLIER = "colour_outlier"
"""The further column of partitions that says which galaxies have an unusual colour."""


@dataclass(frozen=True)
class Survey:
    """The catalogue of a source, one row an object that was read, dropped ones included."""

    source: Source
    object_id: Ids
    magnitude: npt.NDArray[np.float64]
    redshift: npt.NDArray[np.float64]
    reason: npt.NDArray[np.int8]
    fences: Fences
    outlier: npt.NDArray[np.bool_]
    """Which rows that can be used have an unusual colour, dropped or not."""

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
                and object_ids.same(block.galaxies.object_id, self.object_id[place])
                and not rules.judge(block)[chosen].any()
            )
            if not same:
                break
            if chosen.any():
                marked = _marked(block.galaxies, self.outlier[place])
                yield marked if chosen.all() else marked[chosen]
        if not same or start != len(rows):
            raise DataError(f"{self.source.name}: changed while it was read; start again.")


def _marked(galaxies: Galaxies, outlier: npt.NDArray[np.bool_]) -> Galaxies:
    """The galaxies with the column `colour_outlier`, and with no redshift where it is impossible."""
    redshift = np.where(validity.impossible(galaxies.redshift), np.nan, galaxies.redshift)
    return replace(galaxies, redshift=redshift, extra={**galaxies.extra, OUTLIER: outlier})


def ignore(_count: int) -> None:
    """A report that nobody wants."""


def examine(source: Source, *, learning: bool = True, report: Callable[[int], None] = ignore) -> Survey:
    """Read everything once and judge each galaxy; `report` gets the number of objects that have been read.

    Where galaxies are to be learned from, impossible redshifts are a reason to drop them; otherwise they are
    unknown ones. Raises DataError when nothing could be read.
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
    object_id, redshift = object_ids.joined(ids), np.concatenate(redshifts)
    reason = np.concatenate(reasons)
    if learning:
        reason = rules.judge_redshifts(reason, redshift)
    reason = rules.judge_ids(reason, object_id)
    nothing = np.zeros(count, bool)
    return Survey(source, object_id, np.concatenate(magnitudes), redshift, reason, [], nothing)


def fenced(survey: Survey, training: npt.NDArray[np.bool_], *, drop: bool) -> Survey:
    """The survey with its outliers in colour marked, by fences of the rows `training`, or dropped too."""
    fences = outliers.measure(survey.magnitude[training])
    outlier = np.zeros(len(training), bool)
    outlier[survey.kept] = outliers.outside(survey.magnitude[survey.kept], fences)
    reason = rules.first(survey.reason, {Reason.OUTLIER: outlier}) if drop else survey.reason
    return replace(survey, reason=reason, fences=fences, outlier=outlier)


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
