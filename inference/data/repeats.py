"""Galaxies that come more than once in what is read: partitions may overlap, and copies have other names."""

import numpy as np
import numpy.typing as npt

from inference.core import object_ids
from inference.core.galaxies import Galaxies

Marks = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.bool_]

SEED = 20_260_101
"""Of the odd numbers of the checksum, which is the same on every machine."""


def content_marks(galaxies: Galaxies) -> Marks:
    """A checksum of magnitudes and of the image's middle rows, uint64 [N]; equal galaxies have equal ones.

    A sum of products with random odd numbers: two different galaxies agree by chance once in about 2^63.
    """
    if not len(galaxies):
        return np.empty(0, np.uint64)
    middle = galaxies.image.shape[2] // 2
    rows = np.ascontiguousarray(galaxies.image[:, :, middle - 1 : middle + 1])
    words = np.concatenate(
        [
            np.ascontiguousarray(galaxies.magnitude).view(np.uint64),
            rows.reshape(len(rows), -1).view(np.uint32).astype(np.uint64),
        ],
        axis=1,
    )
    odd = np.random.default_rng(SEED).integers(0, 2**64, words.shape[1], np.uint64) | np.uint64(1)
    # The upper half of each word is folded into the lower one, on which products alone depend.
    return np.asarray(((words ^ (words >> np.uint64(32))) * odd).sum(axis=1, dtype=np.uint64))


def id_marks(galaxies: Galaxies) -> Marks:
    """The ids as numbers, uint64 [N]; none, [0], where they were made of a file's name."""
    if galaxies.numbered:
        return np.empty(0, np.uint64)
    return object_ids.as_int64(galaxies.object_id).view(np.uint64)


class Seen:
    """What has come so far, 16 bytes a galaxy."""

    def __init__(self) -> None:
        self._content, self._ids = _Marks(), _Marks()

    def repeated(self, galaxies: Galaxies) -> Rows:
        """Which of the next galaxies came before, by id or by content, bool [N]; remembers all of them."""
        content = self._content.known(content_marks(galaxies))
        ids = self._ids.known(id_marks(galaxies))
        return content | ids if len(ids) else content


class _Marks:
    """A set of marks as sorted arrays, of which each is more than twice as long as the next.

    So a mark is moved a few times only, however many partitions come.
    """

    def __init__(self) -> None:
        self._runs: list[Marks] = []

    def known(self, marks: Marks) -> Rows:
        """Which marks are in the set, or earlier among themselves; adds them."""
        repeated = np.ones(len(marks), bool)
        repeated[np.unique(marks, return_index=True)[1]] = False
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, marks), len(run) - 1)
            repeated |= run[place] == marks
        self._add(np.unique(marks))
        return repeated

    def _add(self, run: Marks) -> None:
        if not len(run):
            return
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")
