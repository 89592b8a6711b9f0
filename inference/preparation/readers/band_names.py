"""Which of u, g, r, i, z a file's image is in, by the names that cameras and archives give to filters."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference.preparation.reading import BANDS

KEYS = ("EXTNAME", "FILTER", "BAND", "FILTNAM", "FILTNAM1", "FILTER1", "INSFILTE", "HIERARCH FILTER")
_WORDS = """
var variance err error errors ivar invvar inverr weight wht wgt mask msk dq rms std stddev sigma uncert
uncertainty noise psf bkg background sky flag flags segm segmentation model exptime nexp
"""
NOT_SCIENCE = frozenset(_WORDS.split())
"""Words in the names of images that are not the galaxy's light."""


def words(text: str) -> list[str]:
    """The words of a name: SDSS_G is sdss and g, r.MP9601 is r and mp9601, i' is i."""
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def band(text: str) -> str | None:
    """The band that a filter's name means, None where it means none of them, or several."""
    found = {word for word in words(text) if word in BANDS and len(word) == 1}
    return found.pop() if len(found) == 1 else None


def names(header: Mapping[str, Any]) -> Sequence[str]:
    """What a header says of an image's filter."""
    return [str(header[key]).strip() for key in KEYS if str(header.get(key, "")).strip()]


def band_of(header: Mapping[str, Any]) -> str | None:
    """The band of an image: the first of its names that is one."""
    return next((found for name in names(header) if (found := band(name))), None)


def is_science(header: Mapping[str, Any]) -> bool:
    """Whether an image is of light, and not of its variance, weight or mask, by what its names say."""
    said = [*names(header), str(header.get("EXTTYPE", "")), str(header.get("HDUCLAS2", ""))]
    return not any(word in NOT_SCIENCE for name in said for word in words(name))


def of_cube(header: Mapping[str, Any]) -> Sequence[str] | None:
    """The bands of a cube's planes: BANDS (ugriz), or BAND0, BAND1, … or FILTER1, …; None where not said."""
    said = str(header.get("BANDS", "")).strip()
    if said:
        return said.split(",") if "," in said else list(said)
    for key in ("BAND", "FILTER", "PLANE"):
        for first in (0, 1):
            planes = [str(header.get(f"{key}{first + number}", "")).strip() for number in range(len(BANDS))]
            if all(planes):
                return planes
    return None
