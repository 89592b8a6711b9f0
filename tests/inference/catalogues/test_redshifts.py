"""Galaxies without a redshift are galaxies to predict; a redshift is found by the names that surveys use."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.reading import Reading
from tests.inference.catalogues.cutouts import columns, cubes, prepared, table


@pytest.mark.parametrize("mark", ["null", "", "-999", "-9999", "nan"])
@pytest.mark.parametrize("shares", [None, (70, 15, 15)])
def test_unknown_redshifts_are_kept(
    sixty: Galaxies, tmp_path: Path, mark: str, shares: tuple[float, ...] | None
) -> None:
    folder = cubes(tmp_path, sixty)
    table(tmp_path / "t.csv", columns(sixty))
    header, *lines = (tmp_path / "t.csv").read_text().splitlines()
    lines[10:] = [",".join([*line.split(",")[:-1], mark]) for line in lines[10:]]
    (tmp_path / "t.csv").write_text("\n".join([header, *lines]))
    found, preparation = prepared(folder, tmp_path / "t.csv", shares=shares)
    assert len(found) == 60
    assert np.isnan(found.redshift).sum() == preparation.summary()["without_redshift"] == 50


def test_impossible_redshifts_drop_only_what_is_to_be_learned_from(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    bad = replace(sixty, redshift=np.where(np.arange(60) == 7, -5.0, sixty.redshift))
    table(tmp_path / "t.csv", columns(bad))
    found, preparation = prepared(folder, tmp_path / "t.csv")
    assert len(found) == 60
    assert np.isnan(found.redshift).tolist() == [row == 7 for row in range(60)]
    assert preparation.summary()["impossible_redshifts"] == 1
    assert len(prepared(folder, tmp_path / "t.csv", shares=(70, 15, 15))[0]) == 59


@pytest.mark.parametrize("name", ["zspec", "spec_z", "z_true", "zbest", "Z", "specz", "z_spec", "redshift"])
@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_a_redshift_by_any_name(sixty: Galaxies, tmp_path: Path, name: str, suffix: str) -> None:
    arrays: dict[str, Any] = {
        "image": sixty.image,
        "mag": sixty.magnitude,
        "objid": sixty.object_id,
        name: sixty.redshift,
    }
    path = tmp_path / f"a.{suffix}"
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[f"labels/{key}" if key == name else key] = array
    found, preparation = prepared(path)
    assert np.array_equal(found.redshift, sixty.redshift)
    assert f"redshift: {name.lower()}" in preparation.survey.source.notes


def test_the_second_z_of_a_table_is_the_redshift(sixty: Galaxies, tmp_path: Path) -> None:
    """SkyServer calls it z1; a spreadsheet has z twice."""
    folder = cubes(tmp_path, sixty)
    table(tmp_path / "t.csv", columns(sixty, "{}", "z1"))
    text = (tmp_path / "t.csv").read_text()
    for content in (text, text.replace("z1", "z", 1)):
        (tmp_path / "t.csv").write_text(content)
        found, preparation = prepared(folder, tmp_path / "t.csv")
        np.testing.assert_allclose(found.redshift, sixty.redshift)
        np.testing.assert_allclose(found.magnitude, sixty.magnitude)
        assert "redshift: z1" in preparation.survey.source.notes


def test_two_candidates_are_an_error_and_one_can_be_chosen(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    both = columns(sixty, redshift="zspec") | {"z_true": sixty.redshift + 0.1}
    table(tmp_path / "t.csv", both)
    with pytest.raises(DataError, match=r"t\.csv: zspec and z_true could each be the redshift"):
        prepared(folder, tmp_path / "t.csv")
    how = Reading(columns={"redshift": "Z_TRUE"}, bands="ugriz")
    found, _ = prepared(folder, tmp_path / "t.csv", how)
    np.testing.assert_allclose(found.redshift, sixty.redshift + 0.1)
    with pytest.raises(DataError, match="has no photoz, which is to be the redshift; it has"):
        prepared(folder, tmp_path / "t.csv", Reading(columns={"redshift": "photoz"}, bands="ugriz"))


def test_a_table_without_a_redshift_says_what_it_has(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    found = columns(sixty, "{}")
    del found["redshift"]
    table(tmp_path / "t.csv", found)
    galaxies, preparation = prepared(folder, tmp_path / "t.csv")
    assert np.isnan(galaxies.redshift).all()
    assert "redshift: none among g, i, objid, r, u, z" in preparation.survey.source.notes
