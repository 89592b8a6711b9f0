"""The table of galaxies that data sources produce and the inference engine consumes, in plain NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Galaxies:
    """N galaxies, one row each.

    image float32 [N, 5, 32, 32] in bands u, g, r, i, z; magnitude float64 [N, 5]; object_id int64 [N];
    redshift float64 [N], NaN where it is unknown.
    """

    image: npt.NDArray[np.float32]
    magnitude: npt.NDArray[np.float64]
    redshift: npt.NDArray[np.float64]
    object_id: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: slice | npt.NDArray[np.bool_]) -> "Galaxies":
        """The galaxies of a slice, as views, or of a mask [N], as copies."""
        return Galaxies(self.image[rows], self.magnitude[rows], self.redshift[rows], self.object_id[rows])

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
            np.concatenate([part.object_id for part in parts]),
        )


def empty() -> Galaxies:
    """No galaxies, with the right shapes."""
    return Galaxies(
        np.empty((0, 5, 32, 32), np.float32), np.empty((0, 5)), np.empty(0), np.empty(0, np.int64)
    )
