"""The pictures of redshifts: what is counted as an outlier, and the residuals along the redshift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.metrics import measure
from inference.plots import FEWEST, outlier_fraction, running, scatter


def test_outliers_are_counted_by_their_distance_in_one_plus_z() -> None:
    truth = np.array([0.0, 1.0, 1.0, 0.5])
    predicted = np.array([0.06, 1.06, 1.2, 0.5])
    assert outlier_fraction(truth, predicted, 0.05) == 0.5
    assert outlier_fraction(truth, predicted, 0.15) == 0.0
    assert outlier_fraction(np.empty(0), np.empty(0), 0.05) == 0.0


def test_a_bias_at_one_redshift_is_seen_there_and_nowhere_else() -> None:
    drawn = np.random.default_rng(3)
    truth = drawn.uniform(0.0, 0.6, 6000)
    scaled = drawn.normal(0.0, 0.01, 6000) + np.where(truth > 0.5, 0.05, 0.0)
    along = running(truth, scaled)
    assert along.galaxies.sum() == 6000
    assert np.abs(along.median[along.middle < 0.5]).max() < 0.003
    assert along.median[-1] == pytest.approx(0.05, abs=0.003)
    assert along.nmad == pytest.approx(np.full(len(along.nmad), 0.01), rel=0.25)


@given(st.lists(st.floats(0.0, 3.0), max_size=60))
def test_bins_with_few_galaxies_have_no_median(redshifts: list[float]) -> None:
    along = running(np.array(redshifts), np.zeros(len(redshifts)))
    assert (along.galaxies >= FEWEST).all()
    assert along.galaxies.sum() <= len(redshifts)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_picture_of_any_number_of_galaxies_is_drawn(count: int, tmp_path: Path) -> None:
    drawn = np.random.default_rng(1)
    truth = drawn.uniform(0.0, 0.5, count)
    predicted = truth + drawn.normal(0.0, 0.02, count)
    path = tmp_path / "inference.png"
    scatter(truth, predicted, measure(predicted, truth), path)
    assert path.read_bytes().startswith(b"\x89PNG")
