"""Which file, or which five, a row's cutout is: by a column, by id, or by the position in the header."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.object_ids import Ids
from inference.preparation.readers.libraries import need
from inference.preparation.reading import BANDS

Array = npt.NDArray[Any]

SUFFIXES = (".fits", ".fit", ".fits.gz", ".fits.fz")
COLUMNS = ("file", "filename", "cutout")
A_BAND = (
    "{id}_{band}",
    "{id}-{band}",
    "{id}.{band}",
    "{band}_{id}",
    "{band}-{id}",
    "{id}/{band}",
    "{band}/{id}",
)
"""How files of one band each are called."""
POSITIONS = (("ra", "dec"), ("ra", "decl"), ("raj2000", "dej2000"), ("alpha", "delta"))
NEAR = 2.0 / 3600
"""Degrees within which a cutout's centre is a galaxy's position: SDSS's resolution, and a little more."""


def stem(path: Path) -> str:
    """The name without any of `SUFFIXES`."""
    name = path.name
    ending = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(s)), "")
    return name[: len(name) - len(ending)] if ending else name


def find(folder: Path, table: Path, columns: Mapping[str, Array], ids: Ids, fits: Any) -> list[list[Path]]:  # noqa: ANN401
    """The files of each row's cutout: one, or five in the order of the bands.

    A file that is not there is named all the same, so that its row can be counted as missing. Raises
    DataError when a name leads out of the folder.
    """
    named = next((columns[name] for name in COLUMNS if name in columns), None)
    if named is not None:
        return [_named(folder, str(name).strip(), table) for name in named]
    there = _there(folder)
    names = [str(one) for one in ids.tolist()]
    if any(name in there for name in names):
        return [[there.get(name, folder / f"{name}.fits")] for name in names]
    style = next((s for s in A_BAND if any(s.format(id=name, band="r") in there for name in names)), None)
    if style is not None:
        keys = [[style.format(id=name, band=band) for band in BANDS] for name in names]
        return [[there.get(key, folder / f"{key}.fits") for key in row] for row in keys]
    return _by_position(folder, columns, names, there, fits)


def _named(folder: Path, name: str, table: Path) -> list[Path]:
    """The file that a table names, or five where the name has {band} in it."""
    files = [folder / name.format(band=band) for band in BANDS] if "{band}" in name else [folder / name]
    root = folder.resolve()
    outside = next((file for file in files if not file.resolve().is_relative_to(root)), None)
    if outside is not None:
        raise DataError(f"{table}: its cutout {outside} is not in {folder}.")
    return files


def _there(folder: Path) -> dict[str, Path]:
    """The FITS files of a folder and of the folders in it, by their relative name without the ending."""
    found = {}
    for pattern in ("*", "*/*"):
        for path in folder.glob(pattern):
            if path.name.lower().endswith(SUFFIXES):
                relative = path.relative_to(folder).parent / stem(path)
                found[relative.as_posix()] = path
    return found


def _by_position(
    folder: Path,
    columns: Mapping[str, Array],
    names: Sequence[str],
    there: Mapping[str, Path],
    fits: Any,  # noqa: ANN401
) -> list[list[Path]]:
    """The cutout whose centre is nearest to each row's RA and Dec, where it is near enough."""
    missing = [[folder / f"{name}.fits"] for name in names]
    pair = next((pair for pair in POSITIONS if all(one in columns for one in pair)), None)
    if pair is None or not there:
        return missing
    files = [(path, centre) for path in there.values() if (centre := _centre(path, fits)) is not None]
    if not files:
        return missing
    centres = np.array([centre for _, centre in files])
    found = []
    for name, ra, dec in zip(names, *(columns[one].astype(float) for one in pair), strict=True):
        east = (centres[:, 0] - ra + 180) % 360 - 180
        apart = np.hypot(east * np.cos(np.radians(dec)), centres[:, 1] - dec)
        nearest = int(np.argmin(apart)) if np.isfinite(apart).all() else 0
        found.append([files[nearest][0] if apart[nearest] <= NEAR else folder / f"{name}.fits"])
    return found


def _centre(path: Path, fits: Any) -> tuple[float, float] | None:  # noqa: ANN401 - astropy has no types
    """RA and Dec in degrees that a header gives its galaxy, else those of the image's centre."""
    wcs = need("astropy.wcs", "positions in FITS headers")
    try:
        with warnings.catch_warnings(), fits.open(path, memmap=False) as units:
            warnings.simplefilter("ignore")
            headers = [unit.header for unit in units]
            for header in headers:
                for ra, dec in (("RA", "DEC"), ("RA_OBJ", "DEC_OBJ"), ("RA_TARG", "DEC_TARG")):
                    if isinstance(header.get(ra), (int, float)) and isinstance(header.get(dec), (int, float)):
                        return float(header[ra]), float(header[dec])
            header = next(header for header in headers if "CRVAL1" in header and header.get("NAXIS", 0) >= 2)
            middle = ((header["NAXIS1"] - 1) / 2, (header["NAXIS2"] - 1) / 2)
            ra, dec = wcs.WCS(header, naxis=2).celestial.pixel_to_world_values(*middle)
            return float(ra), float(dec)
    # A file that is damaged or has no position is no row's; what it lacks is of any kind.
    except Exception:
        return None
