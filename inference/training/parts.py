"""The galaxies of a training run: to learn from, to stop by (validation), and held out (test)."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.survey import synthetic

VALIDATION = 2048
HELD_OUT = 4096
"""Galaxies of the synthetic survey in the parts that are not trained on, whatever the training sample."""
VALIDATION_SEED_OFFSET, HELD_OUT_SEED_OFFSET = 2_000_003, 1_000_003
"""Other parts of the survey have other seeds: no galaxy is in two of them."""

SUFFIXES = (".pt", ".safetensors")
NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Parts:
    """Galaxies to learn from, and where they come from as JSON values."""

    train: Galaxies
    validation: Galaxies
    test: Galaxies
    origin: dict[str, object]


def synthetic_parts(galaxies: int, seed: int) -> Parts:
    """`galaxies` of the synthetic survey `seed` to train on, and validation and test parts of their own."""
    validation = synthetic.sample(VALIDATION, seed + VALIDATION_SEED_OFFSET)
    origin: dict[str, object] = {"seed": seed, "galaxies": galaxies}
    return Parts(synthetic.sample(galaxies, seed), validation, held_out(seed), origin)


def held_out(seed: int) -> Galaxies:
    """The galaxies on which a checkpoint trained on the synthetic survey `seed` is measured."""
    return synthetic.sample(HELD_OUT, seed + HELD_OUT_SEED_OFFSET)


def folder_parts(folder: Path) -> Parts:
    """Prepared data: the partitions below `folder`/train, /validation and /test, at any depth.

    Raises DataError naming the part that is missing or the file that cannot be read.
    """
    train, validation, test = (_part(folder, name) for name in NAMES)
    origin = {
        "folder": folder.name,
        "galaxies": len(train),
        "checksums": {
            name: _checksum(part) for name, part in zip(NAMES, (train, validation, test), strict=True)
        },
    }
    return Parts(train, validation, test, origin)


def _checksum(galaxies: Galaxies) -> int:
    """Of all columns: two preparations can differ in any one of them."""
    found = 0
    for column in (galaxies.image, galaxies.magnitude, galaxies.redshift, galaxies.object_id):
        found = zlib.crc32(np.ascontiguousarray(column).data, found)
    return found


def _part(folder: Path, name: str) -> Galaxies:
    files = sorted(path for path in (folder / name).rglob("*") if path.suffix in SUFFIXES)
    if not files:
        raise DataError(
            f"{folder / name}: holds no {' or '.join(SUFFIXES)} files; prepared data has folders "
            f"{', '.join(NAMES)}."
        )
    return _once(Galaxies.concatenate([read(path) for path in files]))


def _once(galaxies: Galaxies) -> Galaxies:
    """Each galaxy once: data prepared in two sizes has every one of them in both folders.

    Ids alone do not tell, because those of files without any are made from the files' names.
    """
    rows = np.column_stack([galaxies.object_id, galaxies.magnitude.view(np.int64)])
    first = np.unique(rows, axis=0, return_index=True)[1]
    if len(first) == len(galaxies):
        return galaxies
    kept = np.zeros(len(galaxies), np.bool_)
    kept[first] = True
    return galaxies[kept]


def with_redshift(galaxies: Galaxies, name: str) -> Galaxies:
    """The galaxies whose redshift is known. Raises DataError where that leaves fewer than two."""
    known = np.isfinite(galaxies.redshift)
    if known.sum() < 2:
        raise DataError(f"the {name} part has {known.sum()} galaxies with a redshift: too few to learn from.")
    if known.all():
        return galaxies
    return Galaxies(
        galaxies.image[known], galaxies.magnitude[known], galaxies.redshift[known], galaxies.object_id[known]
    )
