"""What is dropped, and for which reason."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.galaxies import Galaxies
from inference.core.validity import known_redshift
from inference.preparation import outliers
from inference.preparation.blocks import Block, Reason
from inference.preparation.rules import judge, judge_ids, judge_redshifts

COUNT = 40


def sample(count: int = COUNT, seed: int = 1) -> Galaxies:
    random = np.random.default_rng(seed)
    return Galaxies(
        random.random((count, 5, 32, 32), np.float32),
        18.0 + random.normal(0, 0.1, (count, 5)),
        random.uniform(0.01, 0.6, count),
        np.arange(count, dtype=np.int64),
    )


def block(galaxies: Galaxies) -> Block:
    return Block(galaxies, np.zeros(len(galaxies), np.int8))


def test_good_galaxies_stay() -> None:
    reason = judge(block(sample()))
    reason = judge_redshifts(reason, sample().redshift)
    reason = judge_ids(reason, sample().object_id)
    fences = outliers.measure(sample().magnitude)
    assert not reason.any()
    assert not outliers.outside(sample().magnitude, fences).any()
    assert [set(fence) for fence in fences] == [{"brightness", "u-g", "g-r", "r-i", "i-z"}]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels(value: float) -> None:
    galaxies = sample()
    galaxies.image[3, 2, 31, 0] = value
    galaxies.image[5] = 3e38  # the sum is not finite in float32, every pixel is
    reason = judge(block(galaxies))
    assert np.flatnonzero(reason).tolist() == [3]
    assert reason[3] == Reason.PIXELS


@pytest.mark.parametrize("value", [np.nan, np.inf, -9999.0, 99.0, -99.0, 90.0])
def test_photometry(value: float) -> None:
    galaxies = sample()
    galaxies.magnitude[7, 4] = value
    reason = judge(block(galaxies))
    assert np.flatnonzero(reason).tolist() == [7]
    assert reason[7] == Reason.PHOTOMETRY


def test_the_first_reason_counts() -> None:
    galaxies = sample()
    galaxies.image[0], galaxies.magnitude[0] = np.nan, np.nan
    given_reason = np.zeros(COUNT, np.int8)
    given_reason[1] = Reason.SHAPE
    galaxies.image[1] = np.nan
    reason = judge(Block(galaxies, given_reason))
    assert reason[:2].tolist() == [Reason.PIXELS, Reason.SHAPE]


def test_redshifts() -> None:
    values = np.array([0.1, np.nan, -0.02, -0.005, 0.0, 20.0, 20.1, np.inf, -9999.0])
    reason = judge_redshifts(np.zeros(len(values), np.int8), values)
    assert (reason == Reason.REDSHIFT).tolist() == [False] * 2 + [True] + [False] * 3 + [True] * 3
    marks = np.array([np.nan, -999.0, -9999.0, -99.0, 99.0])
    assert np.isnan(known_redshift(marks)).all()
    assert known_redshift(values[:8])[2:].tolist() == values[2:8].tolist()


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40))
def test_of_equal_ids_the_first_usable_stays(rows: list[tuple[int, bool]]) -> None:
    ids = np.array([number for number, _ in rows], np.int64)
    reason = np.array([0 if usable else Reason.PIXELS for _, usable in rows], np.int8)
    judged = judge_ids(reason, ids)
    seen: set[int] = set()
    for (number, usable), found in zip(rows, judged, strict=True):
        if not usable:
            assert found == Reason.PIXELS
        else:
            assert found == (Reason.DUPLICATE if number in seen else Reason.NONE)
            seen.add(number)


def test_outliers_are_beyond_three_interquartile_ranges() -> None:
    magnitude = np.zeros((101, 5))
    magnitude[:, 0] = np.arange(101.0)  # u-g from 0 to 100: quartiles 25 and 75, fences -125 and 225
    for value, expected in ((224.0, False), (400.0, True), (-400.0, True)):
        tested = np.vstack([magnitude, [[value, 0, 0, 0, 0]] * 2])
        fences = outliers.measure(tested)
        assert outliers.outside(tested, fences).tolist() == [False] * 101 + [expected] * 2
        assert fences[0]["g-r"] == [0.0, 0.0]


def test_too_few_galaxies_have_no_outliers() -> None:
    magnitude = np.zeros((10, 5))
    magnitude[0, 0] = 50.0
    assert outliers.measure(magnitude) == []
    assert not outliers.outside(magnitude, []).any()


def test_galaxies_brighter_or_fainter_than_all_have_the_fences_of_the_nearest_class() -> None:
    random = np.random.default_rng(2)
    magnitude = np.linspace(14, 20, 400)[:, None] + random.normal(0, 0.05, (400, 5))
    fences = outliers.measure(magnitude)
    others = np.array([[10.0] * 5, [25.0] * 5, [25.0, 22, 22, 22, 22]])
    assert outliers.outside(others, fences).tolist() == [False, False, True]


def judged(magnitude: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return outliers.outside(magnitude, outliers.measure(magnitude))


def test_faint_galaxies_are_not_outliers_for_their_noise() -> None:
    random = np.random.default_rng(5)
    bright = np.linspace(14, 20, 2000)[:, None] + np.array([2.4, 0.9, 0.0, -0.4, -0.7])
    sigma = 0.02 * 10 ** (0.3 * (bright[:, 2:3] - 14))  # 0.02 for the brightest, 1.3 for the faintest
    magnitude = bright + 0.02 * random.standard_normal(bright.shape)
    magnitude[:, :1] += sigma * random.standard_normal((2000, 1))
    assert judged(magnitude).sum() <= 2
    # What is noise for a faint galaxy is wrong for a bright one.
    for row, found in ((100, True), (1900, False)):
        changed = magnitude.copy()
        changed[row, 0] = bright[row, 0] + 1.0
        assert judged(changed)[row] == found


def test_a_wrong_magnitude_of_a_galaxy_of_the_survey_is_found(survey: Galaxies) -> None:
    magnitude, rows = survey.magnitude.copy(), np.arange(0, len(survey), 40)
    before = judged(magnitude)
    magnitude[rows, np.arange(len(rows)) % 5] -= 4.0
    assert before.mean() < 0.04
    assert judged(magnitude)[rows].mean() > 0.9


@given(order=st.permutations(range(60)))
def test_the_order_of_galaxies_does_not_matter(order: list[int]) -> None:
    random = np.random.default_rng(3)
    magnitude = 18 + random.standard_t(2, (60, 5))
    np.testing.assert_array_equal(judged(magnitude[order]), judged(magnitude)[order])
