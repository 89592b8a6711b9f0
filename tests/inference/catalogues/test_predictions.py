"""Predictions of unclean catalogues: nothing impossible is believed, and nothing is lost in silence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from inference import predict
from inference.core.galaxies import Galaxies
from inference.core.validity import Flag
from inference.data.partitions import write
from inference.preparation.reading import Reading
from tests.inference.catalogues.cutouts import columns, cubes, prepared, table


def copy(galaxies: Galaxies) -> Galaxies:
    return Galaxies.concatenate([galaxies])


def predicted(data: Path, output: Path, *options: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Results.json and the table of predictions, by column."""
    assert predict.main(["--data", str(data), "--output", str(output), "--device", "cpu", *options]) == 0
    result = json.loads((output / "Results.json").read_text())
    return result, pq.read_table(output / "predictions.parquet").to_pydict()


def test_galaxies_without_a_redshift_are_predicted(survey: Galaxies, tmp_path: Path) -> None:
    mixed = copy(survey[:40])
    mixed.redshift[10:] = np.nan
    mixed.redshift[20:] = -9999
    write(tmp_path / "a.pt", mixed)
    result, found = predicted(tmp_path / "a.pt", tmp_path / "out")
    assert None not in found["z_pred"]
    assert found["z_true"][10:] == [None] * 30
    assert (result["metrics"]["num_samples"], result["num_failed"], result["num_flagged"]) == (10, 0, 0)


@pytest.mark.parametrize("engine", ["native", "onnx", "torch"])
def test_impossible_numbers_are_flagged_and_not_believed(
    survey: Galaxies, tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = survey[:40]
    dirty = copy(clean)
    dirty.magnitude[3, 2], dirty.magnitude[5] = -9999, 99
    dirty.image[7, 1, 3, 3], dirty.image[9, 0, 0, 0], dirty.image[11] = 1e30, np.nan, clean.image[11] * 500
    dirty.magnitude[13] = clean.magnitude[13] - 20
    dirty.redshift[15] = -5
    write(tmp_path / "dirty.pt", dirty)
    write(tmp_path / "clean.pt", clean)
    result, found = predicted(tmp_path / "dirty.pt", tmp_path / "out", "--engine", engine)
    said = capsys.readouterr().err
    _, before = predicted(tmp_path / "clean.pt", tmp_path / "clean", "--engine", engine)
    flags = dict(zip(range(40), found["flags"], strict=True))
    assert {row for row, bits in flags.items() if bits} == {3, 5, 7, 9, 11, 13, 15}
    assert flags[3] == flags[5] == Flag.PHOTOMETRY
    assert flags[7] & Flag.PIXEL_RANGE
    assert flags[9] == Flag.PIXELS
    assert flags[11] & Flag.PIXEL_RANGE
    assert flags[13] & Flag.MAGNITUDE_RANGE
    assert flags[15] == Flag.REDSHIFT
    outside = {3, 5, 7, 9, 11, 13}
    assert {row for row in range(40) if not found["in_training_range"][row]} == outside
    assert {row for row in range(40) if found["z_pred"][row] is None} >= {3, 5, 7, 9}
    good = [row for row in range(40) if row not in outside]
    assert [found["z_pred"][row] for row in good] == pytest.approx([before["z_pred"][row] for row in good])
    assert found["z_true"][15] is None
    assert (result["metrics"]["num_samples"], result["num_flagged"]) == (33, 6)
    assert result["num_failed"] == found["z_pred"].count(None)
    assert result["MAE"] < 0.06
    assert result["flags"]["missing photometry"] == 2
    assert "6 of 40 galaxies are flagged and left out of the metrics" in said


def test_repeated_galaxies_count_once(
    survey: Galaxies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By id, and where files have none by what they look like."""
    part = survey[:40]
    for kind in ("ids", "content"):
        (tmp_path / kind).mkdir()
        for number in (1, 2):
            again = replace(part, object_id=part.object_id + (1000 * number if kind == "content" else 0))
            write(tmp_path / kind / f"{number}.pt", again)
        result, found = predicted(tmp_path / kind, tmp_path / f"out-{kind}")
        assert len(found["z_pred"]) == 80
        assert found["flags"] == [0] * 40 + [Flag.REPEATED] * 40
        assert result["metrics"]["num_samples"] == 40
        assert "40 repeats a galaxy that came before" in capsys.readouterr().err


def test_columns_and_ids_travel_to_the_predictions(sixty: Galaxies, tmp_path: Path) -> None:
    ids = np.uint64(11289096837541398528) + np.arange(60, dtype=np.uint64)
    eboss = replace(sixty, object_id=ids)
    folder = cubes(tmp_path, eboss)
    more = {"ra": np.linspace(0, 360, 60), "dec": np.linspace(-9, 9, 60), "plate": np.arange(60)}
    catalogue = table(tmp_path / "t.csv", columns(eboss) | more)
    found, _ = prepared(folder, catalogue, Reading(bands="ugriz", keep=("plate",)))
    for name, rows in (("1", slice(0, 30)), ("2", slice(30, 60))):
        (tmp_path / "parts").mkdir(exist_ok=True)
        write(tmp_path / "parts" / f"{name}.pt", found[rows])
    _, predictions = predicted(tmp_path / "parts", tmp_path / "out")
    assert predictions["object_id"] == ids.tolist()
    for name, column in more.items():
        assert predictions[name] == pytest.approx(column.tolist())
    assert set(predictions["colour_outlier"]) <= {False, True}


def test_counts_in_place_of_nanomaggies_are_not_believed(
    survey: Galaxies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.pt", replace(survey[:60], image=survey.image[:60] * 200))
    result, _ = predicted(tmp_path / "a.pt", tmp_path / "out")
    assert result["num_flagged"] > 50
    assert "are their pixels in nanomaggies?" in capsys.readouterr().err


def test_pictures_and_fluxes_are_refused(
    survey: Galaxies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a.pt", replace(survey[:60], magnitude=10 ** (0.4 * (22.5 - survey.magnitude[:60]))))
    assert predict.main(["--data", str(tmp_path / "a.pt"), "--output", str(tmp_path / "out")]) == 1
    assert "its magnitudes are no magnitudes" in capsys.readouterr().err


def test_the_survey_of_the_model_is_within_its_range(survey: Galaxies, tmp_path: Path) -> None:
    """No galaxy of the survey that the model was trained on is flagged."""
    write(tmp_path / "a.pt", survey)
    result, found = predicted(tmp_path / "a.pt", tmp_path / "out")
    assert result["num_flagged"] == 0
    assert all(found["in_training_range"])
