"""What each rule does to a survey: how much it drops or marks, by redshift and by magnitude.

A rule that looks harmless over all galaxies can remove most of one kind, and so change the distribution of
redshifts that is learned from.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core import validity
from inference.preparation.blocks import Reason
from inference.preparation.survey import OUTLIER, Survey

Rows = npt.NDArray[np.bool_]

REDSHIFTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
MAGNITUDES = tuple(range(12, 29))
"""Edges of the bins, in redshift and in r magnitude; what lies beyond is in the first or the last bin."""
R = 2
"""Place of r among u, g, r, i, z."""
WARN = 0.01
"""Share of a bin that a rule may drop without a warning."""
FEWEST = 20
"""Galaxies of a bin that a share is worth a warning of, at least."""


def unknown(survey: Survey) -> int:
    """How many of the galaxies that stay have no redshift."""
    return int((~np.isfinite(survey.redshift) | validity.impossible(survey.redshift))[survey.kept].sum())


def impossible(survey: Survey) -> int:
    """How many of the galaxies that stay have an impossible redshift, which is taken as unknown."""
    return int(validity.impossible(survey.redshift)[survey.kept].sum())


def effects(survey: Survey) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By rule, then by "redshift" and "magnitude": bins with how many were read and dropped (or marked)."""
    return {
        name: {
            "redshift": list(_bins(survey.redshift, rows, REDSHIFTS)),
            "magnitude": list(_bins(survey.magnitude[:, R], rows, MAGNITUDES)),
        }
        for name, rows in _rules(survey).items()
    }


def _rules(survey: Survey) -> Mapping[str, Rows]:
    """The rows of each rule that holds for any, by its name; marks are called after their column."""
    rules = {one.text: survey.reason == one for one in Reason if one is not Reason.NONE}
    if not rules[Reason.OUTLIER.text].any():
        rules[OUTLIER] = survey.outlier
    return {name: np.asarray(rows) for name, rows in rules.items() if rows.any()}


def _bins(values: npt.NDArray[np.float64], rows: Rows, edges: tuple[float, ...]) -> Iterator[dict[str, Any]]:
    """Each bin with galaxies in it: "from" and "to" (null where unknown), "read" and "dropped"."""
    known = np.isfinite(values) & (np.abs(values) < validity.SENTINEL)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    place = np.where(known, place, -1)
    for number in range(-1, len(edges) - 1):
        inside = place == number
        if inside.any():
            ends = (None, None) if number < 0 else (float(edges[number]), float(edges[number + 1]))
            yield {
                "from": ends[0],
                "to": ends[1],
                "read": int(inside.sum()),
                "dropped": int((inside & rows).sum()),
            }


def warnings(survey: Survey) -> Iterator[str]:
    """A sentence for each rule that takes more than its share of some bin."""
    for name, kinds in effects(survey).items():
        for kind, bins in kinds.items():
            shares = [
                (one["dropped"] / one["read"], one)
                for one in bins
                if one["from"] is not None and one["read"] >= FEWEST
            ]
            high = [(share, one) for share, one in shares if share > WARN]
            if high:
                share, worst = max(high, key=lambda pair: pair[0])
                verb = "marks" if name == OUTLIER else "drops"
                more = f" and more than 1 % of {len(high) - 1} other bins" if len(high) > 1 else ""
                called = "r magnitude" if kind == "magnitude" else kind
                yield (
                    f"warning: {name!r} {verb} {share:.1%} of the galaxies at {called} {worst['from']:g} to "
                    f"{worst['to']:g} ({worst['dropped']:,} of {worst['read']:,}){more}"
                )
