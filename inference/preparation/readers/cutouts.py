"""One galaxy's cutout: five images [H, W] in nanomaggies, from a FITS file or from a file a band."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.units import ZERO_POINT
from inference.data.dataset import SIZE, crop
from inference.preparation.blocks import Reason, as_type
from inference.preparation.readers import band_names
from inference.preparation.readers.photometry import nanomaggies
from inference.preparation.reading import BANDS, Reading

Array = npt.NDArray[Any]
Header = Mapping[str, Any]

ZERO_POINTS = ("MAGZERO", "MAGZPT", "ZEROPNT", "ZEROPOINT", "PHOTZP", "MAGZP", "ZP")
COUNTS = ("", "count", "counts", "adu", "dn", "electron", "electrons", "electron/s", "electrons/s", "adu/s")


class ForeignCutoutError(DataError):
    """A cutout that is whole, but not what is read: the user can say how to read it."""


def read(paths: Sequence[Path], fits: Any, how: Reading) -> tuple[Array, Reason]:  # noqa: ANN401 - no types
    """The image [5, 32, 32] of a cutout in one file, or in five in the order of the bands.

    Zeros with a reason where it is missing, damaged or of another shape. Raises ForeignCutoutError where
    bands or units cannot be told, which is no fault of one galaxy.
    """
    nothing = np.zeros((len(BANDS), SIZE, SIZE), np.float32)
    try:
        units = [_images(path, fits) for path in paths]
    except ForeignCutoutError:
        raise
    # Astropy raises all kinds of errors for damage; a cutout that is not there is one of them.
    except Exception:
        return nothing, Reason.UNREADABLE
    if not all(units):
        return nothing, Reason.UNREADABLE
    planes = [found[0] for found in units] if len(units) > 1 else _planes(units[0], paths[0], how)
    images = [_in_nanomaggies(data, header, paths[0]) for header, data in planes]
    first, *others = (image.shape for image in images)
    if len(images) != len(BANDS) or len(first) != 2 or set(others) != {first} or min(first) < SIZE:
        return nothing, Reason.SHAPE
    cut = crop(np.stack(images)[None])[0]
    return as_type(cut * how.pixel_scale if how.pixel_scale != 1 else cut, np.float32), Reason.NONE


def _images(path: Path, fits: Any) -> list[tuple[Header, Array]]:  # noqa: ANN401 - astropy has no types
    """The images of light in a file, with their headers; the first header's words hold for all."""
    with fits.open(path, memmap=False) as units:
        first = dict(units[0].header)
        common = {key: value for key, value in first.items() if key in ("BUNIT", "NMGY", *ZERO_POINTS)}
        found = [
            ({**common, **dict(unit.header)}, np.asarray(unit.data))
            for unit in units
            if bool(unit.is_image) and unit.data is not None and unit.data.ndim in (2, 3)
        ]
    return [(header, data) for header, data in found if band_names.is_science(header)]


def _planes(found: Sequence[tuple[Header, Array]], path: Path, how: Reading) -> list[tuple[Header, Array]]:
    """The images in the order of the bands, as far as the file can be ordered."""
    if len(found) == 1 and found[0][1].ndim == 3:
        header, cube = found[0]
        named = band_names.of_cube(header)
        return _ordered([header] * len(cube), list(cube), named, path, how)
    headers = [header for header, _ in found]
    named = [_said(header) for header in headers] if any(map(_said, headers)) else None
    return _ordered(headers, [data for _, data in found], named, path, how)


def _said(header: Header) -> str:
    """What an image calls its band: the name that is one, else whatever names it has."""
    return band_names.band_of(header) or ", ".join(band_names.names(header))


def _ordered(
    headers: Sequence[Header], data: Sequence[Array], named: Sequence[str] | None, path: Path, how: Reading
) -> list[tuple[Header, Array]]:
    planes = list(zip(headers, data, strict=True))
    if named is None:
        if len(planes) != len(BANDS):
            return planes  # the wrong shape
        if how.bands is None:
            raise ForeignCutoutError(
                f"{path}: does not say which image is in which band; say their order with --bands, such as "
                "--bands ugriz."
            )
        return [planes[place] for place in how.places]
    found = {band: place for place, name in enumerate(named) if (band := band_names.band(name))}
    if set(found) < set(BANDS) and len(planes) >= len(BANDS):
        raise ForeignCutoutError(
            f"{path}: calls its images {', '.join(named)}, which are not u, g, r, i and z."
        )
    if len(planes) > len(BANDS) and sum(band_names.band(name) is not None for name in named) > len(BANDS):
        raise ForeignCutoutError(
            f"{path}: has several images a band ({', '.join(named)}) and does not say which are of light."
        )
    return [planes[found[band]] for band in BANDS if band in found]


def _in_nanomaggies(image: Array, header: Header, path: Path) -> Array:
    """The pixels in nanomaggies, by the header's words; as they are where it says nothing."""
    if image.dtype == np.uint8:
        raise ForeignCutoutError(f"{path}: its pixels are uint8, a picture's brightness instead of fluxes.")
    said = str(header.get("BUNIT", "")).strip()
    factor = nanomaggies(said)
    if factor is None:
        factor = _of_counts(header, said.lower())
    if factor is None and said.lower() in COUNTS and not said:
        factor = 1.0
    if factor is None:
        raise ForeignCutoutError(
            f"{path}: its pixels are in {said}, and no NMGY or zero point in the header says how much that "
            "is in nanomaggies: convert them."
        )
    return image if factor == 1.0 else image.astype(np.float64) * factor


def _of_counts(header: Header, unit: str) -> float | None:
    """Nanomaggies of a count, by SDSS's NMGY or a zero point; None where the header has neither."""
    if unit not in COUNTS:
        return None
    if isinstance(header.get("NMGY"), (int, float)):
        return float(header["NMGY"])
    point = next((header[key] for key in ZERO_POINTS if isinstance(header.get(key), (int, float))), None)
    return None if point is None else float(10 ** (0.4 * (ZERO_POINT - point)))
