"""Threads that share a batch of galaxies: each takes one piece after the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from inference.engines.base import Redshifts

Numbers = npt.NDArray[np.float32]


class Workers:
    """`threads` threads for pieces of at most `most` galaxies; `compute` holds no lock while it computes.

    `compute` makes redshifts [n] of images [n, bands, S, S] and magnitudes [n, bands] in single precision.
    """

    def __init__(self, compute: Callable[[Numbers, Numbers], Redshifts], threads: int, most: int) -> None:
        self._compute, self._threads, self._most = compute, threads, most

    def __call__(self, image: Numbers, magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N], in order. Raises ValueError unless there are as many magnitudes as images."""
        if len(image) != len(magnitude):
            raise ValueError(f"there are {len(image)} images and magnitudes of {len(magnitude)} galaxies")
        if not len(image):
            return np.empty(0, np.float32)
        single = magnitude.astype(np.float32)
        size = min(self._most, -(-len(image) // self._threads))
        pieces = [slice(start, start + size) for start in range(0, len(image), size)]
        if len(pieces) == 1:
            return self._compute(image, single)
        # Threads for this call only: of those that wait for the next, a process that forks has none.
        with ThreadPoolExecutor(min(self._threads, len(pieces)), thread_name_prefix="engine") as pool:
            return np.concatenate(
                list(pool.map(lambda rows: self._compute(image[rows], single[rows]), pieces))
            )
