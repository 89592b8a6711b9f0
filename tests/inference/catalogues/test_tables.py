"""Tables in the formats that astronomers have, with ids as their surveys number galaxies."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.blocks import Reason
from inference.preparation.reading import Reading
from tests.inference.catalogues.cutouts import UGRIZ, columns, cubes, prepared, same, table

EBOSS = 11289096837541398528
"""A specObjID of eBOSS: above 2^63."""


def gzipped(path: Path, found: dict[str, Any]) -> None:
    plain = path.with_suffix("")
    table(plain, found)
    path.write_bytes(gzip.compress(plain.read_bytes()))


def parquet(path: Path, found: dict[str, Any]) -> None:
    pq.write_table(pa.table({name: pa.array(column) for name, column in found.items()}), path)


def rail(path: Path, found: dict[str, Any]) -> None:
    """As RAIL's files have it: a group of columns."""
    with h5py.File(path, "w") as file:
        for name, column in found.items():
            file[f"photometry/{name}"] = column


FORMATS: dict[str, Callable[[Path, dict[str, Any]], object]] = {
    "t.ecsv": table,
    "t.fits.gz": table,
    "t.csv.gz": gzipped,
    "t.vot": lambda path, found: Table(found).write(path, format="votable"),
    "t.parquet": parquet,
    "t.hdf5": rail,
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(sixty: Galaxies, tmp_path: Path, name: str) -> None:
    folder = cubes(tmp_path, sixty)
    FORMATS[name](tmp_path / name, columns(sixty))
    same(prepared(folder, tmp_path / name)[0], sixty)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:100])
    with pytest.raises(DataError, match=f"{name}: "):
        prepared(folder, tmp_path / name)


def test_magnitudes_of_rail(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    found = columns(sixty, "mag_{}_lsst") | {"mag_y_lsst": sixty.magnitude[:, 4]}
    found["id"] = found.pop("objID")
    rail(tmp_path / "t.hdf5", found)
    same(prepared(folder, tmp_path / "t.hdf5")[0], sixty)


def test_a_magnitude_as_a_list_in_parquet(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    found = {"objid": sixty.object_id, "z": sixty.redshift, "modelmag": list(sixty.magnitude)}
    parquet(tmp_path / "t.parquet", found)
    same(prepared(folder, tmp_path / "t.parquet")[0], sixty)


@pytest.mark.parametrize("name", ["t.csv", "t.fits", "t.parquet"])
def test_ids_above_two_to_the_63(sixty: Galaxies, tmp_path: Path, name: str) -> None:
    ids = np.uint64(EBOSS) + np.arange(60, dtype=np.uint64)
    eboss = replace(sixty, object_id=ids)
    folder = cubes(tmp_path, eboss)
    FORMATS.get(name, table)(tmp_path / name, columns(eboss))
    found, _ = prepared(folder, tmp_path / name)
    assert found.object_id.dtype == np.uint64
    same(found, eboss)


@pytest.mark.parametrize("name", ["t.csv", "t.fits", "t.parquet"])
def test_ids_that_are_text(sixty: Galaxies, tmp_path: Path, name: str) -> None:
    ids = np.array([f"J{row:06}+0012" for row in range(60)])
    named = replace(sixty, object_id=ids)
    folder = cubes(tmp_path, named)
    FORMATS.get(name, table)(tmp_path / name, columns(named))
    same(prepared(folder, tmp_path / name)[0], named)


@pytest.mark.parametrize("first", [1_237_648_720_693_755_918, EBOSS])
def test_a_row_without_an_id_is_dropped_and_named(sixty: Galaxies, tmp_path: Path, first: int) -> None:
    numbered = replace(sixty, object_id=np.uint64(first) + np.arange(60, dtype=np.uint64))
    folder = cubes(tmp_path, numbered)
    table(tmp_path / "t.csv", columns(numbered))
    lines = (tmp_path / "t.csv").read_text().splitlines()
    lines[8] = "," + lines[8].partition(",")[2]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found, preparation = prepared(folder, tmp_path / "t.csv")
    same(found, numbered[np.arange(60) != 7])
    reports = {file.name: file.content.decode() for file in preparation.reports()}
    assert len(reports["dropped.csv"].splitlines()) == 2
    assert reports["dropped.csv"].splitlines()[1].startswith("7,")


def test_a_missing_id_with_its_cutout(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    found = columns(sixty) | {"file": [f"{number}.fits" for number in sixty.object_id]}
    masked = Table(found, masked=True)
    masked["objID"].mask[7] = True
    masked.write(tmp_path / "t.csv")
    galaxies, preparation = prepared(folder, tmp_path / "t.csv")
    assert len(galaxies) == 59
    assert preparation.survey.dropped()[Reason.ID.text] == 1


def test_ids_that_were_rounded_are_refused(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    table(tmp_path / "t.fits", columns(sixty) | {"objID": sixty.object_id.astype(float)})
    with pytest.raises(DataError, match="object ids objid are float64, which rounds them"):
        prepared(folder, tmp_path / "t.fits")


@pytest.mark.parametrize("suffix", [".fits.gz", ".fits.fz", ".fit"])
def test_compressed_cutouts_are_found_by_id(sixty: Galaxies, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "c").mkdir()
    for number, image in zip(sixty.object_id, sixty.image, strict=True):
        units = [fits.PrimaryHDU(image)]
        if suffix == ".fits.fz":
            lossless = {"compression_type": "GZIP_2", "quantize_level": 0}
            packed = [
                fits.CompImageHDU(plane, name=b, **lossless) for b, plane in zip("UGRIZ", image, strict=True)
            ]
            units = [fits.PrimaryHDU(), *packed]
        fits.HDUList(units).writeto(tmp_path / "c" / f"{number}{suffix}")
    same(prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)))[0], sixty)


def test_cutouts_are_found_by_position(sixty: Galaxies, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    ra, dec = np.linspace(10, 350, 60), np.linspace(-60, 60, 60)
    for row, image in enumerate(sixty.image):
        unit = fits.PrimaryHDU(image)
        if row % 2:
            unit.header.update({"RA": ra[row] + 1e-4, "DEC": dec[row]})
        else:
            wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 1.0, "CRPIX2": 1.0}
            wcs |= {"CDELT1": -1.1e-4, "CDELT2": 1.1e-4, "CUNIT1": "deg", "CUNIT2": "deg"}
            offset = 15.5 * 1.1e-4
            wcs |= {"CRVAL1": ra[row] + offset / np.cos(np.radians(dec[row])), "CRVAL2": dec[row] - offset}
            unit.header.update(wcs)
        unit.writeto(tmp_path / "c" / f"cutout-{59 - row}.fits")
    catalogue = table(tmp_path / "t.fits", columns(sixty) | {"RA": ra, "DEC": dec})
    found, _ = prepared(tmp_path / "c", catalogue)
    same(found, sixty)
    np.testing.assert_allclose(found.extra["RA"], ra)


def test_columns_that_travel(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    more = {
        "ra": np.linspace(0, 360, 60),
        "dec": np.linspace(-90, 90, 60),
        "Plate": np.arange(60),
        "class": ["GALAXY", "QSO"] * 30,
    }
    catalogue = table(tmp_path / "t.fits", columns(sixty) | more)
    found, _ = prepared(folder, catalogue, Reading(bands="ugriz", keep=("plate", "CLASS")))
    assert list(found.extra) == ["ra", "dec", "Plate", "class", "colour_outlier"]
    for name, column in more.items():
        assert found.extra[name].tolist() == pytest.approx(np.asarray(column).tolist())
    with pytest.raises(DataError, match="has no snr to keep; it has class, dec,"):
        prepared(folder, catalogue, Reading(bands="ugriz", keep=("snr",)))


def test_arrays_with_the_bands_last_and_names_of_their_own(sixty: Galaxies, tmp_path: Path) -> None:
    last = np.moveaxis(sixty.image, 1, 3)
    labels = np.zeros(60, [("specz", "f8"), ("survey_id", "i8"), *((band, "f8") for band in "ugriz")])
    labels["specz"], labels["survey_id"] = sixty.redshift, sixty.object_id
    for place, band in enumerate("ugriz"):
        labels[band] = sixty.magnitude[:, place]
    np.savez(tmp_path / "a.npz", pixels=last, labels=labels)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data/pixels"], file["data/labels"] = last, labels
    how = Reading(columns={"image": "pixels", "object_id": "survey_id"}, layout="channels-last")
    for name in ("a.npz", "a.h5"):
        same(prepared(tmp_path / name, None, how)[0], sixty)
        with pytest.raises(DataError, match=r"has no image .*it has .*--columns image=NAME"):
            prepared(tmp_path / name, None, UGRIZ)


def test_clean_galaxies_are_not_dropped_for_their_colours(survey: Galaxies, tmp_path: Path) -> None:
    for count in (25, 60, 300):
        np.savez(tmp_path / "a.npz", image=survey.image[:count], mag=survey.magnitude[:count])
        found, preparation = prepared(tmp_path / "a.npz")
        assert len(found) == count
        assert found.extra["colour_outlier"].sum() == preparation.summary()["colour_outliers"]
