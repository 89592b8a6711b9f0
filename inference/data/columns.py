"""The columns of a data file under one set of names, whatever the file calls them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError

Array = npt.NDArray[Any]

NAMES: Mapping[str, Sequence[str]] = {
    "image": ("image", "images", "img", "cutout", "cutouts"),
    "magnitude": ("magnitude", "magnitudes", "mag", "mags"),
    "redshift": ("redshift", "redshifts", "z", "z_spec"),
    "object_id": ("object_id", "objid", "id", "ids"),
}
"""What files call each column, in lower case; the order is that of the tensors in a file without names."""

MOST_SHOWN = 8


@dataclass(frozen=True)
class Columns:
    """What a file holds, unchecked but for being arrays; None where a file lacks an optional column."""

    image: Array
    magnitude: Array
    redshift: Array | None
    object_id: Array | None

    @classmethod
    def in_order(cls, arrays: Sequence[object], name: str) -> "Columns":
        """From arrays in the course's order: image, magnitude, redshift and, in our files, object id."""
        if len(arrays) not in (2, 3, 4):
            raise DataError(f"{name}: holds {len(arrays)} tensors instead of image, magnitude and redshift.")
        return cls.named(dict(zip(NAMES, arrays, strict=False)), name)

    @classmethod
    def named(cls, arrays: Mapping[Any, object], name: str) -> "Columns":
        """From arrays by name, upper or lower case. Raises DataError when one is missing."""
        known = {str(key).lower(): value for key, value in arrays.items()}
        found: dict[str, Array | None] = {}
        for column, names in NAMES.items():
            value = next((known[one] for one in names if one in known), None)
            if value is None and column in ("image", "magnitude"):
                there = _shown(sorted(known))
                raise DataError(f"{name}: has no {column} (called {' or '.join(names)}); it has {there}.")
            if value is not None and not isinstance(value, np.ndarray):
                raise DataError(f"{name}: its {column} is a {type(value).__name__} instead of an array.")
            found[column] = value
        image, magnitude = found["image"], found["magnitude"]
        assert image is not None and magnitude is not None  # noqa: S101 - missing ones were refused above
        return cls(image, magnitude, found["redshift"], found["object_id"])


def _shown(names: Sequence[str]) -> str:
    """The first names, printable: a file can hold any number of them, and any text."""
    text = ", ".join(names[:MOST_SHOWN]) or "nothing"
    text = "".join(character if character.isprintable() else "?" for character in text[:300])
    return text + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")
