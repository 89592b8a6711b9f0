"""A folder of FITS cutouts with a table, in the forms that people have them; and what prepare makes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.preparation.prepare import Options, Preparation
from inference.preparation.reading import Reading
from inference.preparation.sources import open_sources

UGRIZ = Reading(bands="ugriz")


def cubes(folder: Path, galaxies: Galaxies) -> Path:
    """A cube a galaxy, called after its id."""
    (folder / "cutouts").mkdir()
    for number, image in zip(galaxies.object_id, galaxies.image, strict=True):
        fits.PrimaryHDU(image).writeto(folder / "cutouts" / f"{number}.fits")
    return folder / "cutouts"


def images(path: Path, planes: Sequence[Any], headers: Sequence[Mapping[str, Any]]) -> None:
    """A FITS file of several images."""
    units = [fits.PrimaryHDU()]
    for plane, header in zip(planes, headers, strict=True):
        unit = fits.ImageHDU(plane)
        unit.header.update(header)
        units.append(unit)
    fits.HDUList(units).writeto(path)


def columns(galaxies: Galaxies, style: str = "modelMag_{}", redshift: str = "redshift") -> dict[str, Any]:
    """A table's columns."""
    bands = {style.format(band): galaxies.magnitude[:, place] for place, band in enumerate("ugriz")}
    return {"objID": galaxies.object_id, **bands, redshift: galaxies.redshift}


def table(path: Path, found: Mapping[str, Any]) -> Path:
    """A table in the format of the path's name."""
    Table(dict(found)).write(path, overwrite=True)
    return path


def prepared(
    data: Path,
    table_file: Path | None = None,
    how: Reading = UGRIZ,
    shares: Sequence[float] | None = None,
) -> tuple[Galaxies, Preparation]:
    """All that is kept, after a way through the partitions' bytes, and the preparation."""
    options = Options([("10MB", 10 * 2**20)], shares=shares)
    preparation = Preparation(open_sources([data], table_file, how), options)
    parts = [read(file.content, file.name) for file in preparation.partitions()]
    return Galaxies.concatenate(parts), preparation


def same(found: Galaxies, expected: Galaxies) -> None:
    """Compare everything but the order of magnitude of rounding."""
    assert found.object_id.tolist() == expected.object_id.tolist()
    np.testing.assert_allclose(found.image, expected.image, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.magnitude, expected.magnitude, rtol=1e-6)
    np.testing.assert_allclose(found.redshift, expected.redshift, rtol=1e-6)
