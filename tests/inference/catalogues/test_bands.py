"""Images are told apart by the names of their bands, wherever a file has them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.reading import Reading
from tests.inference.catalogues.cutouts import UGRIZ, columns, cubes, images, prepared, same, table

PLAIN = Reading()
ORDERS: list[tuple[str, list[dict[str, Any]]]] = [
    ("grizu", [{"EXTNAME": f"SDSS_{band}"} for band in "GRIZU"]),
    ("giruz", [{"FILTER": band} for band in "giruz"]),
    ("zirgu", [{"BAND": f"{band}'"} for band in "zirgu"]),
    (
        "uzgri",
        [{"EXTNAME": f"IMAGE{place}", "FILTER": f"{band}.MP9601"} for place, band in enumerate("uzgri")],
    ),
]


@pytest.mark.parametrize(("order", "headers"), ORDERS)
def test_by_name(sixty: Galaxies, tmp_path: Path, order: str, headers: list[dict[str, Any]]) -> None:
    (tmp_path / "c").mkdir()
    for row, number in enumerate(sixty.object_id):
        planes = [sixty.image[row, "ugriz".index(band)] for band in order]
        images(tmp_path / "c" / f"{number}.fits", planes, headers)
    found, _ = prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)), PLAIN)
    same(found, sixty)


@pytest.mark.parametrize("names", [["F606W", "J", "H", "K", "Y"], ["g", "g", "r", "i", "z"]])
def test_other_bands_are_listed(sixty: Galaxies, tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "c").mkdir()
    for row, number in enumerate(sixty.object_id):
        images(tmp_path / "c" / f"{number}.fits", sixty.image[row], [{"FILTER": name} for name in names])
    with pytest.raises(DataError, match=f"calls its images {', '.join(names)}, which are not u, g"):
        prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)), PLAIN)


def test_without_names_the_user_says_the_order(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    catalogue = table(tmp_path / "t.fits", columns(sixty))
    with pytest.raises(DataError, match=r"does not say which image is in which band; .* --bands"):
        prepared(folder, catalogue, PLAIN)
    same(prepared(folder, catalogue, UGRIZ)[0], sixty)
    found, _ = prepared(folder, catalogue, Reading(bands="zirgu"))
    assert np.array_equal(found.image, sixty.image[:, ::-1])


def test_a_cube_that_names_its_planes(sixty: Galaxies, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for row, number in enumerate(sixty.object_id):
        unit = fits.PrimaryHDU(sixty.image[row, ::-1])
        unit.header["BANDS"] = "zirgu"
        unit.writeto(tmp_path / "c" / f"{number}.fits")
    same(prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)), PLAIN)[0], sixty)


def test_variances_are_not_images(sixty: Galaxies, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    headers = [{"EXTNAME": f"{kind}_{band}"} for band in "UGRIZ" for kind in ("SCI", "VAR")]
    for row, number in enumerate(sixty.object_id):
        planes = [plane for image in sixty.image[row] for plane in (image, np.full((32, 32), 9.0))]
        images(tmp_path / "c" / f"{number}.fits", planes, headers)
    same(prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)), PLAIN)[0], sixty)


@pytest.mark.parametrize("style", ["{id}_{band}", "{band}/{id}", "{id}-{band}"])
def test_one_file_a_band(sixty: Galaxies, tmp_path: Path, style: str) -> None:
    for row, number in enumerate(sixty.object_id):
        for place, band in enumerate("ugriz"):
            path = tmp_path / "c" / f"{style.format(id=number, band=band)}.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            fits.PrimaryHDU(sixty.image[row, place]).writeto(path)
    catalogue = table(tmp_path / "t.fits", columns(sixty))
    same(prepared(tmp_path / "c", catalogue, PLAIN)[0], sixty)
    named = columns(sixty) | {"file": [f"{style.format(id=n, band='{band}')}.fits" for n in sixty.object_id]}
    same(prepared(tmp_path / "c", table(tmp_path / "n.csv", named), PLAIN)[0], sixty)
