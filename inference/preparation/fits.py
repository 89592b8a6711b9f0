"""FITS cutouts, a file a galaxy, with a table of their magnitudes and redshifts."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import SIZE, crop
from inference.preparation.blocks import Block, Reason, as_type, whole_numbers
from inference.preparation.libraries import need

Array = npt.NDArray[Any]

ROWS = 1024
"""Cutouts in a block."""

BANDS = "ugriz"
IDS = ("object_id", "objid", "specobjid", "id")
REDSHIFTS = ("redshift", "z_spec", "zspec", "specz", "z")
FILES = ("file", "filename", "cutout")
MAGNITUDES = ("{}", "mag_{}", "{}_mag", "modelmag_{}", "dered_{}", "petromag_{}", "cmodelmag_{}")
"""What tables call the magnitude of a band, in lower case; with plain letters, z is the band."""

CSV: Mapping[str, Any] = {
    "encoding": "utf-8-sig",  # spreadsheets put a mark before the text
    "comment": "#",  # SDSS SkyServer's files begin with the line #Table1
    "fill_values": [("", "0"), ("null", "0")],  # masked: CasJobs writes null for what is not known
}
"""How CSV tables are read."""

TABLES = {".fits": "fits", ".fit": "fits", ".csv": "ascii.csv"}


class FitsCutouts:
    """Every row of `table` (FITS or CSV) with its cutout in `folder`: the column file's, or `<id>.fits`.

    A cutout is an image cube [5, H, W] or five images [H, W] in the order u, g, r, i, z; extensions that are
    named after the bands may have another order. Whatever is wrong with a cutout is a Reason, not an error.
    """

    def __init__(self, folder: Path, table: Path) -> None:
        self.folder, self.table, self.name = folder, table, f"{folder} with {table}"

    def blocks(self) -> Iterator[Block]:
        """The table's rows in order. Raises DataError when the table cannot be used."""
        columns = self._columns()
        ids = whole_numbers(
            _one(columns, IDS, self.table), len(next(iter(columns.values()))), str(self.table)
        )
        magnitude, redshift = _photometry(columns, self.table)
        files = self._files(columns, ids)
        for start in range(0, len(ids), ROWS):
            rows = slice(start, start + ROWS)
            found = [self._cutout(file) for file in files[rows]]
            yield Block(
                Galaxies(np.stack([image for image, _ in found]), magnitude[rows], redshift[rows], ids[rows]),
                np.array([reason for _, reason in found], np.int8),
            )

    def _columns(self) -> dict[str, Array]:
        """The table by lower-case name."""
        kind = TABLES.get(self.table.suffix.lower())
        if kind is None:
            raise DataError(f"{self.table}: a table is a {', '.join(TABLES)} file.")
        table = need("astropy.table", "FITS cutouts and tables")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about units and headers, which do not matter here
                read = table.Table.read(self.table, format=kind, **(CSV if kind == "ascii.csv" else {}))
        # Astropy and what it reads with raise all kinds of errors for damage.
        except Exception as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{self.table}: cannot be read as a table ({first}).") from error
        if not len(read):
            raise DataError(f"{self.table}: has no rows.")
        return {name.lower(): _plain(read[name]) for name in read.colnames}

    def _files(self, columns: Mapping[str, Array], ids: Array) -> Sequence[Path]:
        named = next((columns[name] for name in FILES if name in columns), None)
        if named is None:
            return [self.folder / f"{number}.fits" for number in ids]
        files = [self.folder / str(name).strip() for name in named]
        root = self.folder.resolve()
        outside = next((file for file in files if not file.resolve().is_relative_to(root)), None)
        if outside is not None:
            raise DataError(f"{self.table}: its cutout {outside} is not in {self.folder}.")
        return files

    def _cutout(self, path: Path) -> tuple[Array, Reason]:
        """A cutout's image [5, 32, 32], of zeros when there is a reason not to use it."""
        fits = need("astropy.io.fits", "FITS cutouts and tables")
        nothing = np.zeros((5, SIZE, SIZE), np.float32)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a damaged file is counted, not warned of
                with fits.open(path, memmap=False) as units:
                    images = _images(units)
        # As with the table; a cutout that is not there is one of them.
        except Exception:
            return nothing, Reason.UNREADABLE
        if not images:
            return nothing, Reason.UNREADABLE
        first, *others = (image.shape for image in images)
        if len(images) != 5 or len(first) != 2 or set(others) != {first} or min(first) < SIZE:
            return nothing, Reason.SHAPE
        return as_type(crop(np.stack(images)[None])[0], np.float32), Reason.NONE


def _images(units: Any) -> list[Array]:  # noqa: ANN401 - astropy has no types
    """The images of a FITS file, by band."""
    found = [(str(unit.name).lower(), np.asarray(unit.data)) for unit in units if _is_image(unit)]
    if len(found) == 1 and found[0][1].ndim == 3:
        return list(found[0][1])
    by_name = dict(found)
    if len(found) == 5 and set(by_name) == set(BANDS):
        return [by_name[band] for band in BANDS]
    return [image for _, image in found]


def _is_image(unit: Any) -> bool:  # noqa: ANN401 - astropy has no types
    return bool(unit.is_image) and unit.data is not None and unit.data.ndim in (2, 3)


def _plain(column: Any) -> Array:  # noqa: ANN401 - astropy has no types
    """The column's values; numbers that are masked, which an empty field of a CSV is, are NaN."""
    if column.dtype.kind == "S":  # a FITS table's text
        return np.char.decode(np.asarray(column), "utf-8", "replace")
    mask = np.asarray(getattr(column, "mask", False))
    if not mask.any() or column.dtype.kind not in "iuf":
        return np.asarray(column)
    return np.where(mask, np.nan, np.asarray(column, np.float64))


def _one(columns: Mapping[str, Array], names: Sequence[str], table: Path) -> Array:
    for name in names:
        if name in columns:
            return columns[name]
    raise DataError(f"{table}: has no column {' or '.join(names)}; it has {', '.join(columns)}.")


def _photometry(columns: Mapping[str, Array], table: Path) -> tuple[Array, Array]:
    """Magnitudes [N, 5] and redshifts [N], NaN where a table has no redshifts."""
    letters = False
    if "magnitude" in columns:
        magnitude = columns["magnitude"]
    else:
        style = next((s for s in MAGNITUDES if all(s.format(band) in columns for band in BANDS)), None)
        if style is None:
            raise DataError(
                f"{table}: has no magnitudes, as one column magnitude of five numbers or as columns u to z "
                f"(also modelMag_u and the like); it has {', '.join(columns)}."
            )
        letters = style == "{}"
        magnitude = np.column_stack([columns[style.format(band)] for band in BANDS])
    names = [name for name in REDSHIFTS if name in columns and not (letters and name == "z")]
    redshift = columns[names[0]] if names else np.full(len(magnitude), np.nan)
    for kind, array in (("magnitudes", magnitude), ("redshifts", redshift)):
        if array.dtype.kind not in "fiu":
            raise DataError(f"{table}: its {kind} are {array.dtype} instead of numbers.")
    if magnitude.shape != (len(redshift), 5):
        raise DataError(f"{table}: its magnitudes have shape {list(magnitude.shape)}, not five a row.")
    return as_type(magnitude, np.float64), as_type(redshift, np.float64)
