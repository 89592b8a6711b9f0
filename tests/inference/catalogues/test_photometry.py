"""Which magnitudes of a table are taken, in which units, and what is done about dust."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.readers.photometry import COEFFICIENTS
from inference.preparation.reading import Reading
from tests.inference.catalogues.cutouts import UGRIZ, columns, cubes, prepared, same, table


@pytest.mark.parametrize("raw", ["modelMag_{}", "{}"])
def test_magnitudes_corrected_for_dust_win(sixty: Galaxies, tmp_path: Path, raw: str) -> None:
    folder = cubes(tmp_path, sixty)
    dusty = {raw.format(band): sixty.magnitude[:, place] + 0.7 for place, band in enumerate("ugriz")}
    found, preparation = prepared(folder, table(tmp_path / "t.csv", dusty | columns(sixty, "dered_{}")))
    same(found, sixty)
    said = "magnitudes: dered_u, dered_g, dered_r, dered_i, dered_z, corrected for dust"
    assert said in preparation.survey.source.notes


def test_raw_magnitudes_are_corrected_where_the_table_says_how(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    ebv = np.linspace(0.01, 0.3, 60)
    dust = ebv[:, None] * COEFFICIENTS
    dusty = columns(sixty)
    for place, band in enumerate("ugriz"):
        dusty[f"modelMag_{band}"] = sixty.magnitude[:, place] + dust[:, place]
    extinction = {f"extinction_{band}": dust[:, place] for place, band in enumerate("ugriz")}
    for more, said in (({"EBV": ebv}, "ebv (Schlafly"), (extinction, "extinction_u, ")):
        found, preparation = prepared(folder, table(tmp_path / "t.csv", dusty | more))
        np.testing.assert_allclose(found.magnitude, sixty.magnitude)
        assert any(f"corrected for dust by {said}" in note for note in preparation.survey.source.notes)
    chosen = Reading(columns={"magnitude": "modelMag_{}"}, bands="ugriz")  # as the user says
    found, preparation = prepared(folder, table(tmp_path / "t.csv", dusty | extinction), chosen)
    np.testing.assert_allclose(found.magnitude, sixty.magnitude + dust)
    assert any("not corrected for dust" in note for note in preparation.survey.source.notes)


def test_fluxes_are_converted_where_the_unit_is_known_and_else_refused(
    sixty: Galaxies, tmp_path: Path
) -> None:
    folder = cubes(tmp_path, sixty)
    flux = columns(sixty, "{}")
    for place, band in enumerate("ugriz"):
        flux[band] = 10 ** (0.4 * (22.5 - sixty.magnitude[:, place]))
    catalogue = table(tmp_path / "t.csv", flux)
    with pytest.raises(DataError, match=r"its magnitudes are no magnitudes: .* --magnitude-unit nanomaggy"):
        prepared(folder, catalogue)
    found, _ = prepared(folder, catalogue, Reading(bands="ugriz", magnitude_unit="nanomaggy"))
    bright = sixty.magnitude < 20
    np.testing.assert_allclose(found.magnitude[bright], sixty.magnitude[bright], atol=0.01)
    for name, unit in (("t", "nanomaggy"), ("e", "erg")):
        bands = [fits.Column(band, "D", unit, array=flux[band]) for band in "ugriz"]
        ids = fits.Column("objid", "K", array=sixty.object_id)
        fits.BinTableHDU.from_columns([ids, *bands]).writeto(tmp_path / f"{name}.fits")
    np.testing.assert_array_equal(prepared(folder, tmp_path / "t.fits")[0].magnitude, found.magnitude)
    with pytest.raises(DataError, match="are in erg, which is neither magnitudes nor a flux"):
        prepared(folder, tmp_path / "e.fits")


def test_sdss_fluxes_as_a_vector(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    flux = {"SPECOBJID": sixty.object_id, "MODELFLUX": 10 ** (0.4 * (22.5 - sixty.magnitude))}
    found, preparation = prepared(folder, table(tmp_path / "t.fits", flux))
    bright = sixty.magnitude < 20
    np.testing.assert_allclose(found.magnitude[bright], sixty.magnitude[bright], atol=0.01)
    assert any("modelflux (nanomaggy, made asinh" in note for note in preparation.survey.source.notes)


def test_magnitudes_as_a_vector(sixty: Galaxies, tmp_path: Path) -> None:
    folder = cubes(tmp_path, sixty)
    found = {"OBJID": sixty.object_id, "MODELMAG": sixty.magnitude, "Z": sixty.redshift}
    same(prepared(folder, table(tmp_path / "t.fits", found))[0], sixty)


def test_pixels_in_counts_are_converted_by_the_header_or_refused(sixty: Galaxies, tmp_path: Path) -> None:
    catalogue = table(tmp_path / "t.fits", columns(sixty))
    for name, header, says in (
        ("nmgy", {"BUNIT": "counts", "NMGY": 0.005}, None),
        ("zero", {"BUNIT": "adu", "MAGZERO": 22.5 - 2.5 * np.log10(0.005)}, None),
        ("ujy", {"BUNIT": "uJy"}, None),
        ("counts", {"BUNIT": "counts"}, "its pixels are in counts, and no NMGY"),
        ("surface", {"BUNIT": "MJy/sr"}, "its pixels are in MJy/sr"),
        ("none", {}, "images hold .* times the light of its magnitudes"),
    ):
        (tmp_path / name).mkdir()
        scale = 3.631 if name == "ujy" else 200.0
        for number, image in zip(sixty.object_id, sixty.image, strict=True):
            unit = fits.PrimaryHDU(image * np.float32(scale))
            unit.header.update(header)
            unit.writeto(tmp_path / name / f"{number}.fits")
        if says is None:
            same(prepared(tmp_path / name, catalogue)[0], sixty)
            continue
        with pytest.raises(DataError, match=says):
            prepared(tmp_path / name, catalogue)
    same(prepared(tmp_path / "none", catalogue, Reading(bands="ugriz", pixel_scale=0.005))[0], sixty)
    trusted = Reading(bands="ugriz", trust_pixels=True)
    np.testing.assert_allclose(
        prepared(tmp_path / "none", catalogue, trusted)[0].image, 200 * sixty.image, rtol=1e-6
    )


def test_a_picture_is_refused(sixty: Galaxies, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for number in sixty.object_id:
        fits.PrimaryHDU(np.full((5, 32, 32), 9, np.uint8)).writeto(tmp_path / "c" / f"{number}.fits")
    with pytest.raises(DataError, match="its pixels are uint8"):
        prepared(tmp_path / "c", table(tmp_path / "t.fits", columns(sixty)), UGRIZ)
