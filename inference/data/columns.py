"""The columns of a data file under one set of names, whatever the file calls them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError

Array = npt.NDArray[Any]

NAMES: Mapping[str, Sequence[str]] = {
    "image": ("image", "images", "img", "cutout", "cutouts"),
    "magnitude": ("magnitude", "magnitudes", "mag", "mags"),
    "redshift": (
        *("redshift", "redshifts", "z_spec", "zspec", "spec_z", "specz", "z_true", "ztrue", "true_z"),
        *("z_best", "zbest", "best_z", "redshift_true", "true_redshift", "z"),
    ),
    "object_id": ("object_id", "objid", "id", "ids", "specobjid", "objectid"),
    "extra": ("extra",),
}
"""What files call each column, in lower case; the order is that of the tensors in a file without names.

`extra` are further columns, as `extra_columns` encodes them.
"""

Given = Mapping[str, str]
"""What a user says a file calls a column: names of files by names of `NAMES`."""

MOST_SHOWN = 8


@dataclass(frozen=True)
class Columns:
    """What a file holds, unchecked but for being arrays; None where a file lacks an optional column."""

    image: Array
    magnitude: Array
    redshift: Array | None
    object_id: Array | None
    extra: Array | None = None

    @classmethod
    def in_order(cls, arrays: Sequence[object], name: str) -> "Columns":
        """From arrays in the course's order: image, magnitude, redshift and, in our files, object id."""
        if len(arrays) not in (2, 3, 4, 5):
            raise DataError(f"{name}: holds {len(arrays)} tensors instead of image, magnitude and redshift.")
        return cls.named(dict(zip(NAMES, arrays, strict=False)), name)

    @classmethod
    def named(cls, arrays: Mapping[Any, object], name: str, given: Given | None = None) -> "Columns":
        """From arrays by name, upper or lower case; `given` are names that the user chose.

        Raises DataError when one is missing, or when several could be the same column.
        """
        known = {str(key).lower(): value for key, value in arrays.items()}
        found: dict[str, Array | None] = {}
        for column in NAMES:
            place = which(column, known, name, given)
            value = None if place is None else known[place]
            if value is not None and not isinstance(value, np.ndarray):
                raise DataError(f"{name}: its {column} is a {type(value).__name__} instead of an array.")
            found[column] = value
        image, magnitude = found["image"], found["magnitude"]
        assert image is not None and magnitude is not None  # noqa: S101 - missing ones were refused above
        return cls(image, magnitude, found["redshift"], found["object_id"], found["extra"])


def which(column: str, known: Collection[str], name: str, given: Given | None = None) -> str | None:
    """What a file that has the names `known`, in lower case, calls a column; None without an optional one.

    Raises DataError when a column is missing, or when several could be it.
    """
    chosen = (given or {}).get(column)
    if chosen is not None:
        if chosen.lower() not in known:
            raise DataError(f"{name}: has no {chosen}, which is to be the {column}; it has {shown(known)}.")
        return chosen.lower()
    there = [one for one in NAMES[column] if one in known]
    if len(there) > 1 and column != "object_id":  # SDSS has several ids, and the first one names the object
        raise DataError(
            f"{name}: {' and '.join(there)} could each be the {column}: say which with "
            f"--columns {column}={there[0]}."
        )
    if not there and column in ("image", "magnitude"):
        raise DataError(
            f"{name}: has no {column} (called {' or '.join(NAMES[column])}); it has {shown(known)}. "
            f"Say which it is with --columns {column}=NAME."
        )
    return there[0] if there else None


def shown(names: Collection[str]) -> str:
    """The first names, printable: a file can hold any number of them, and any text."""
    text = ", ".join(sorted(names)[:MOST_SHOWN]) or "nothing"
    text = "".join(character if character.isprintable() else "?" for character in text[:300])
    return text + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")
