"""Partitions of a given size, cut from a stream of galaxies of any length.

The course's partitions are called after their size, and the published ones hold 1,279 (25 MB) and 5,113
galaxies (100 MB). Both are the fewest rows that fill the size when MB is 2^20 bytes and a row has 20,512: an
image of 5 x 32 x 32 float32 (20,480), and 32 for five float32 magnitudes, a float32 redshift and an int64 id.
Rows of 20,509 to 20,511 bytes give the same two numbers, no other length does, and rounding down or to the
nearest gives both for none. Our files hold magnitudes and redshift as float64, so a row takes 20,536 bytes,
and a file of ours is 0.1 to 0.2 % larger than its name.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from inference.core.galaxies import Galaxies
from inference.preparation.scale import MagnitudeScale

ROW_BYTES = 20_512
UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
LARGEST = 4 * 2**30
"""Bytes of a partition: S3 takes up to 5 GiB in one PUT."""


def parse_size(text: str) -> int:
    """Bytes of a size such as 25MB, 1.5 GB or 1TB, in units of 1024. Raises ValueError with a sentence."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]B)", text.strip().upper())
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is not a size such as 25MB or 1TB")
    return round(float(found[1]) * UNITS[found[2]])


def rows_of(size: int) -> int:
    """Galaxies that fill `size` bytes."""
    return -(-size // ROW_BYTES)


def pieces(galaxies: Iterator[Galaxies], rows: int) -> Iterator[Galaxies]:
    """The same galaxies, `rows` at a time; the last piece may be smaller."""
    held: list[Galaxies] = []
    count = 0
    for part in galaxies:
        rest = part
        while count + len(rest) >= rows:
            need = rows - count
            yield Galaxies.concatenate([*held, rest[:need]])
            held, count, rest = [], 0, rest[need:]
        if len(rest):
            held.append(rest)
            count += len(rest)
    if held:
        yield Galaxies.concatenate(held)


def repeated(once: Callable[[], Iterator[Galaxies]], rows: int) -> Iterator[Galaxies]:
    """The galaxies again and again until there are `rows` of them; a copy keeps its original's id.

    Nothing is kept: `once` is called anew for each round. Raises ValueError when it gives nothing.
    """
    left = rows
    while left:
        before = left
        for part in once():
            yield part[:left]
            left = max(0, left - len(part))
            if not left:
                return
        if left == before:
            raise ValueError("there are no galaxies to repeat")


def normalised(galaxies: Iterator[Galaxies], scale: MagnitudeScale) -> Iterator[Galaxies]:
    """The galaxies with normalised magnitudes."""
    for part in galaxies:
        magnitude = np.asarray(scale.apply(part.magnitude))
        yield Galaxies(part.image, magnitude, part.redshift, part.object_id)
