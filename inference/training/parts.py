"""The galaxies of a training run: to learn from, to stop by (validation), and held out (test)."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from inference.core import object_ids, validity
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.data.repeats import content_marks, id_marks
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
    apart(dict(zip(NAMES, (train, validation, test), strict=True)))
    origin = {
        "folder": folder.name,
        "galaxies": len(train),
        "checksums": {
            name: _checksum(part) for name, part in zip(NAMES, (train, validation, test), strict=True)
        },
    }
    return Parts(train, validation, test, origin)


def apart(parts: Mapping[str, Galaxies]) -> None:
    """Raise DataError where two parts share a galaxy, by id or by magnitudes and pixels.

    A figure over galaxies that a network has learned by heart says nothing of how well it predicts.
    """
    for (one, first), (other, second) in combinations(parts.items(), 2):
        for kind, marks in (("id", id_marks), ("magnitudes and pixels", content_marks)):
            shared = np.isin(marks(second), marks(first))
            if shared.any():
                example = second.object_id[np.flatnonzero(shared)[0]]
                raise DataError(
                    f"{int(shared.sum()):,} of {len(second):,} galaxies of {other} are in {one} too, by "
                    f"{kind} (such as {example}): split the data anew with `cosmic-fmi data prepare`."
                )


def _checksum(galaxies: Galaxies) -> int:
    """Of all columns: two preparations can differ in any one of them."""
    found = 0
    ids = object_ids.as_int64(galaxies.object_id)
    for column in (galaxies.image, galaxies.magnitude, galaxies.redshift, ids):
        found = zlib.crc32(np.ascontiguousarray(column).data, found)
    return found


def _part(folder: Path, name: str) -> Galaxies:
    files = sorted(path for path in (folder / name).rglob("*") if path.suffix in SUFFIXES)
    if not files:
        raise DataError(
            f"{folder / name}: holds no {' or '.join(SUFFIXES)} files; prepared data has folders "
            f"{', '.join(NAMES)}."
        )
    return _once(Galaxies.concatenate([usable(read(path), str(path)) for path in files]))


def usable(galaxies: Galaxies, name: str) -> Galaxies:
    """The galaxies that can be learned from, by the rules that prepare and predict have too.

    Says how many of the file `name` are left out, and why.
    """
    found = validity.flags(galaxies)
    if not found.any():
        return galaxies
    reasons = ", ".join(f"{count:,} {text}" for text, count in validity.counts(found).items())
    print(
        f"{name}: {int((found != 0).sum()):,} of {len(found):,} galaxies are left out: {reasons}.", flush=True
    )
    return galaxies[found == 0]


def _once(galaxies: Galaxies) -> Galaxies:
    """Each galaxy once: data prepared in two sizes has every one of them in both folders.

    Ids alone do not tell, because those of files without any are made from the files' names.
    """
    ids = object_ids.as_int64(galaxies.object_id)
    rows = np.column_stack([ids, galaxies.magnitude.view(np.int64)])
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
    return galaxies[known]
