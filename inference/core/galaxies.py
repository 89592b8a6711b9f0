"""The table of galaxies that data sources produce and the inference engine consumes, in plain NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core import object_ids
from inference.core.object_ids import Ids

Extra = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Galaxies:
    """N galaxies, one row each.

    image float32 [N, 5, 32, 32] in bands u, g, r, i, z; magnitude float64 [N, 5]; object_id [N] (int64,
    uint64 or text: `object_ids`); redshift float64 [N], NaN where it is unknown. `extra` has further columns
    [N] by name, which travel to the predictions. `numbered` says that the ids were made of a file's name.
    """

    image: npt.NDArray[np.float32]
    magnitude: npt.NDArray[np.float64]
    redshift: npt.NDArray[np.float64]
    object_id: Ids
    extra: Extra = field(default_factory=dict)
    numbered: bool = False

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: slice | npt.NDArray[np.bool_]) -> "Galaxies":
        """The galaxies of a slice, as views, or of a mask [N], as copies."""
        return Galaxies(
            self.image[rows],
            self.magnitude[rows],
            self.redshift[rows],
            self.object_id[rows],
            {name: column[rows] for name, column in self.extra.items()},
            self.numbered,
        )

    def share(self, rank: int, world_size: int) -> "Galaxies":
        """One rank's contiguous part: parts differ by at most one galaxy and cover all, in rank order."""
        count = len(self)
        return self[rank * count // world_size : (rank + 1) * count // world_size]

    @property
    def nbytes(self) -> int:
        """Bytes that enter the network: images and magnitudes."""
        return self.image.nbytes + self.magnitude.nbytes

    @staticmethod
    def concatenate(parts: Sequence["Galaxies"]) -> "Galaxies":
        """All rows of `parts`, in order."""
        if not parts:
            return empty()
        return Galaxies(
            np.concatenate([part.image for part in parts]),
            np.concatenate([part.magnitude for part in parts]),
            np.concatenate([part.redshift for part in parts]),
            object_ids.joined([part.object_id for part in parts]),
            joined_extra([(len(part), part.extra) for part in parts]),
            any(part.numbered for part in parts),
        )


def joined_extra(parts: Sequence[tuple[int, Extra]]) -> dict[str, npt.NDArray[Any]]:
    """The further columns of several tables, given as their lengths and columns, one below the other.

    A table that lacks a column has unknown values there: NaN, an empty text, or False.
    """
    names = dict.fromkeys(name for count, extra in parts if count for name in extra)
    found = {}
    for name in names:
        model = next(extra[name] for count, extra in parts if count and name in extra)
        columns = [extra.get(name, _unknown(model, count)) for count, extra in parts if count]
        # Text beside numbers is text; so that nothing is rounded, so are large numbers beside negative ones.
        whole = all(column.dtype.kind in "iu" for column in columns)
        found[name] = object_ids.joined(columns) if whole else np.concatenate(columns)
    return found


def _unknown(model: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    if model.dtype.kind in "Ub":
        return np.zeros(count, model.dtype)
    return np.full(count, np.nan)


def empty() -> Galaxies:
    """No galaxies, with the right shapes."""
    return Galaxies(
        np.empty((0, 5, 32, 32), np.float32), np.empty((0, 5)), np.empty(0), np.empty(0, np.int64)
    )
