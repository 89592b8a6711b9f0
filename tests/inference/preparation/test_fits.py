"""FITS cutouts with a table: bad ones are counted by reason, and tables are read as people write them."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.blocks import Reason
from inference.preparation.sources import open_sources
from tests.inference.preparation.support.formats import COUNT, make_fits, read, save_cutout


def test_bad_cutouts_are_counted_and_the_others_read(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, table_file = make_fits(tmp_path, galaxies)
    files = [cutouts / f"{number}.fits" for number in galaxies.object_id]
    files[0].unlink()
    files[1].write_bytes(b"no FITS")
    files[2].write_bytes(files[2].read_bytes()[:5000])
    fits.PrimaryHDU(np.zeros((5, 31, 40))).writeto(files[3], overwrite=True)
    fits.PrimaryHDU(np.zeros((4, 64, 64))).writeto(files[4], overwrite=True)
    fits.PrimaryHDU().writeto(files[5], overwrite=True)
    block = read([cutouts, table_file])
    unreadable, shape = Reason.UNREADABLE, Reason.SHAPE
    assert block.reason.tolist()[:6] == [unreadable, unreadable, unreadable, shape, shape, unreadable]
    assert not block.reason[6:].any()
    assert np.array_equal(block.galaxies.image[6:], galaxies.image[6:])


def test_a_cutout_of_five_cubes_has_the_wrong_shape(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    cubes = [fits.ImageHDU(np.zeros((2, 64, 64), np.float32)) for _ in range(5)]
    fits.HDUList([fits.PrimaryHDU(), *cubes]).writeto(
        folder / f"{galaxies.object_id[0]}.fits", overwrite=True
    )
    (block,) = open_sources([folder], table).blocks()
    assert block.reason[0] == Reason.SHAPE
    assert (block.reason[1:] == Reason.NONE).all()


def test_a_csv_table_with_plain_bands_and_file_names(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts = tmp_path / "c"
    cutouts.mkdir()
    for row in range(COUNT):
        save_cutout(cutouts / f"g{row}.fits", galaxies.image[row], "cube")
    bands = {band: galaxies.magnitude[:, column] for column, band in enumerate("ugriz")}
    names = [f"g{row}.fits" for row in range(COUNT)]
    Table({"id": galaxies.object_id, **bands, "file": names}).write(tmp_path / "t.csv")
    block = read([cutouts, tmp_path / "t.csv"])
    assert np.array_equal(block.galaxies.magnitude, galaxies.magnitude)
    assert np.isnan(block.galaxies.redshift).all()  # z is the band here
    assert np.array_equal(block.galaxies.image, galaxies.image)


def test_masked_magnitudes_are_missing(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, _ = make_fits(tmp_path, galaxies)
    lines = ["objid,mag_u,mag_g,mag_r,mag_i,mag_z,redshift"]
    lines += [f"{number},,1,2,3,4,0.1" for number in galaxies.object_id]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert np.isnan(read([cutouts, tmp_path / "t.csv"]).galaxies.magnitude[:, 0]).all()
    lines[1] = f"{galaxies.object_id[0]},18,1,2,3,4,"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    block = read([cutouts, tmp_path / "t.csv"])
    assert np.isnan(block.galaxies.magnitude[1:, 0]).all()
    assert np.isnan(block.galaxies.redshift[0])


def test_names_of_cutouts_may_come_from_a_fits_table(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    named = Table.read(table)
    named["file"] = [f"{number}.fits" for number in galaxies.object_id]
    named.write(tmp_path / "named.fits")
    (block,) = open_sources([folder], tmp_path / "named.fits").blocks()
    assert (block.reason == Reason.NONE).all()


def test_a_table_as_sky_server_and_cas_jobs_write_it(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    Table.read(table).write(tmp_path / "plain.csv")
    header, first, *others = (tmp_path / "plain.csv").read_text().splitlines()
    cells = first.split(",")
    cells[header.lower().split(",").index("z")] = "null"
    lines = ["#Table1", header, ",".join(cells), *others]
    (tmp_path / "sdss.csv").write_text("\n".join(lines) + "\n")
    (block,) = open_sources([folder], tmp_path / "sdss.csv").blocks()
    assert np.array_equal(block.galaxies.object_id, galaxies.object_id)
    assert np.isnan(block.galaxies.redshift).tolist() == [True] + [False] * (COUNT - 1)


def test_a_table_as_spreadsheets_write_it(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    Table.read(table).write(tmp_path / "plain.csv")
    text = (tmp_path / "plain.csv").read_text().replace("\n", "\r\n")
    (tmp_path / "sheet.csv").write_bytes(text.encode("utf-8-sig"))
    (block,) = open_sources([folder], tmp_path / "sheet.csv").blocks()
    assert (block.reason == Reason.NONE).all()


def test_tables_that_cannot_be_used(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, _ = make_fits(tmp_path, galaxies)
    for name, content, says in (
        ("t.csv", "", "cannot be read as a table|has no rows"),
        ("t.csv", "objid,u,g,r,i,z\n", "has no rows"),
        ("t.csv", "u,g,r,i,z\n1,2,3,4,5\n", "has no column object_id or"),
        ("t.csv", "objid,u,g,r,i\n1,2,3,4,5\n", "has no magnitudes"),
        ("t.csv", "objid,u,g,r,i,z\nx,2,3,4,5,6\n", "object ids are not 1 whole"),
        ("t.csv", "objid,u,g,r,i,z\n1,a,3,4,5,6\n", "its magnitudes are <U"),
        ("t.csv", "objid,u,g,r,i,z,file\n1,2,3,4,5,6,../../etc/x\n", "is not in"),
        ("t.fits", "no FITS", "cannot be read as a table"),
        ("t.txt", "", r"a table is a \.fits, \.fit, \.csv file"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=says) as caught:
            read([cutouts, tmp_path / name])
        assert name in str(caught.value)
