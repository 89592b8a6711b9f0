"""FITS cutouts with a table of their magnitudes and redshifts, a row a galaxy."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.core.validity import known_redshift
from inference.data.columns import shown
from inference.preparation.blocks import PLAIN, Block, Reason, as_type, check_units
from inference.preparation.readers import cutout_files, cutouts, photometry
from inference.preparation.readers.libraries import need
from inference.preparation.readers.tables import ReadTable, read_table
from inference.preparation.reading import Reading

Array = npt.NDArray[Any]

ROWS = 1024
"""Cutouts in a block."""
POSITION = ("ra", "dec", "decl")
"""Columns that travel to the predictions unasked."""


class FitsCutouts:
    """Every row of `table` with its cutout in `folder`, read as `how` says.

    Whatever is wrong with one cutout is a Reason, not an error. `notes` say which columns are used.
    """

    def __init__(self, folder: Path, table: Path, how: Reading = PLAIN) -> None:
        self.folder, self.table, self.how, self.name = folder, table, how, f"{folder} with {table}"
        self.notes: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The table's rows in order. Raises DataError when the table cannot be used."""
        read = read_table(self.table, self.how.columns.get("object_id"))
        found = photometry.magnitudes(read.columns, str(self.table), self.how, read.units)
        redshift, note = photometry.redshifts(read.columns, str(self.table), self.how)
        self.notes = [found.note, note]
        redshift = known_redshift(redshift)
        extra = kept(read.columns, read.names, self.how, str(self.table))
        fits = need("astropy.io.fits", "FITS cutouts and tables")
        files = cutout_files.find(self.folder, self.table, self._columns(read), read.ids, fits)
        for start in range(0, len(read.ids), ROWS):
            rows = slice(start, start + ROWS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a damaged file is counted, not warned of
                cut = [cutouts.read(paths, fits, self.how) for paths in files[rows]]
            image = np.stack([pixels for pixels, _ in cut])
            reason = np.array([reason for _, reason in cut], np.int8)
            reason[(reason == Reason.NONE) & read.without_id[rows]] = Reason.ID
            whole = reason == Reason.NONE
            magnitude = as_type(found.values[rows], np.float64)
            check_units(image[whole], magnitude[whole], self.name, self.how)
            columns = {name: column[rows] for name, column in extra.items()}
            yield Block(Galaxies(image, magnitude, redshift[rows], read.ids[rows], columns), reason)

    def _columns(self, read: ReadTable) -> Mapping[str, Array]:
        """The table, with the column of the cutouts' names under the name that is looked for."""
        chosen = self.how.columns.get("file")
        if chosen is None:
            return read.columns
        if chosen.lower() not in read.columns:
            raise DataError(f"{self.table}: has no {chosen}; it has {shown(read.columns)}.")
        return {**read.columns, "file": read.columns[chosen.lower()]}


def kept(columns: Mapping[str, Array], names: Mapping[str, str], how: Reading, name: str) -> dict[str, Array]:
    """The further columns [N] that travel with the galaxies: the position, and what the user asks for.

    Raises DataError when one is not there, or is not one value a row.
    """
    found = {}
    for asked in (*(one for one in POSITION if one in columns), *how.keep):
        column = columns.get(asked.lower())
        if column is None:
            raise DataError(f"{name}: has no {asked} to keep; it has {shown(columns)}.")
        if column.ndim != 1 or column.dtype.kind not in "iufUb":
            raise DataError(
                f"{name}: its {asked} is {column.dtype} {list(column.shape)}, not one value a row."
            )
        found[names.get(asked.lower(), asked)] = column
    return found
