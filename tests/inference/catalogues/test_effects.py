"""What rules do to a survey is shown by redshift and magnitude, and warned of."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.core.galaxies import Galaxies
from inference.data.partitions import write
from inference.preparation import effects
from inference.preparation.prepare import Options, Preparation
from inference.preparation.sources import open_sources
from inference.preparation.survey import OUTLIER


def preparation(galaxies: Galaxies, folder: Path, *, drop: bool = False) -> Preparation:
    write(folder / "a.pt", galaxies)
    options = Options([("10MB", 10 * 2**20)], drop_outliers=drop)
    return Preparation(open_sources([folder / "a.pt"], None), options)


def test_a_rule_that_takes_one_kind_of_galaxy_is_warned_of(survey: Galaxies, tmp_path: Path) -> None:
    dirty = replace(survey, magnitude=survey.magnitude.copy())
    near = np.flatnonzero(survey.redshift < 0.1)
    dirty.magnitude[near[::5], 0] = -9999
    found = preparation(dirty, tmp_path).survey
    bins = effects.effects(found)["missing photometry"]["redshift"]
    assert bins[0] == {"from": 0.0, "to": 0.1, "read": len(near), "dropped": len(near[::5])}
    assert all(one["dropped"] == 0 for one in bins[1:])
    assert sum(one["read"] for one in bins) == len(survey)
    (first, *_) = effects.warnings(found)
    assert first.startswith("warning: 'missing photometry' drops 20.")
    assert "at redshift 0 to 0.1" in first


def test_outliers_are_marked_and_dropped_on_request_only(survey: Galaxies, tmp_path: Path) -> None:
    wrong = replace(survey, magnitude=survey.magnitude.copy())
    rows = np.arange(0, len(survey), 40)
    wrong.magnitude[rows, 2] -= 4
    marked, dropped = preparation(wrong, tmp_path), preparation(wrong, tmp_path, drop=True)
    assert marked.survey.outlier[rows].mean() > 0.9
    assert marked.survey.kept.all()
    assert OUTLIER in effects.effects(marked.survey)
    assert np.array_equal(~dropped.survey.kept, marked.survey.outlier)
    assert any("'colour_outlier' marks" in said for said in effects.warnings(marked.survey))
    assert any("'outlier in colour' drops" in said for said in effects.warnings(dropped.survey))


def test_fences_are_of_the_training_part_alone(survey: Galaxies, tmp_path: Path) -> None:
    first = preparation(survey, tmp_path)
    test = np.concatenate([f.rows for f in first.folders if f.name.startswith("test")])
    changed = replace(survey, magnitude=survey.magnitude.copy())
    changed.magnitude[test, 1] += np.random.default_rng(1).normal(0, 2, test.sum())
    assert preparation(changed, tmp_path).survey.fences == first.survey.fences
