"""What is dropped, and for which reason."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.galaxies import Galaxies
from inference.preparation.blocks import Block, Reason
from inference.preparation.rules import judge, judge_redshifts, judge_together

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
    reason, fences = judge_together(reason, sample().object_id, sample().magnitude, drop_outliers=True)
    assert not reason.any()
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
    assert (reason == Reason.REDSHIFT).tolist() == [False, True, True, False, False, False, True, True, True]
    unknown = np.full(4, np.nan)
    assert not judge_redshifts(np.zeros(4, np.int8), unknown).any()


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40))
def test_of_equal_ids_the_first_usable_stays(rows: list[tuple[int, bool]]) -> None:
    ids = np.array([number for number, _ in rows], np.int64)
    reason = np.array([0 if usable else Reason.PIXELS for _, usable in rows], np.int8)
    judged, _ = judge_together(reason, ids, np.full((len(rows), 5), 18.0), drop_outliers=False)
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
    ids = np.arange(103, dtype=np.int64)
    for value, expected in ((224.0, Reason.NONE), (400.0, Reason.OUTLIER), (-400.0, Reason.OUTLIER)):
        tested = np.vstack([magnitude, [[value, 0, 0, 0, 0]] * 2])
        reason, fences = judge_together(np.zeros(103, np.int8), ids, tested, drop_outliers=True)
        assert set(reason[101:]) == {expected}
        assert not reason[:101].any()
        assert fences[0]["g-r"] == [0.0, 0.0]
        assert not judge_together(np.zeros(103, np.int8), ids, tested, drop_outliers=False)[0].any()


def test_dropped_galaxies_do_not_move_the_fences() -> None:
    galaxies = sample()
    reason = np.zeros(COUNT, np.int8)
    alone = judge_together(reason, galaxies.object_id, galaxies.magnitude, drop_outliers=True)[1]
    magnitude = np.vstack([galaxies.magnitude, np.full((30, 5), np.nan)])
    reason = np.concatenate([reason, np.full(30, Reason.PHOTOMETRY, np.int8)])
    ids = np.arange(COUNT + 30, dtype=np.int64)
    assert judge_together(reason, ids, magnitude, drop_outliers=True)[1] == alone


def test_too_few_galaxies_have_no_outliers() -> None:
    magnitude = np.zeros((10, 5))
    magnitude[0, 0] = 50.0
    reason, fences = judge_together(
        np.zeros(10, np.int8), np.arange(10, dtype=np.int64), magnitude, drop_outliers=True
    )
    assert not reason.any()
    assert fences == []


def judged(magnitude: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    ids = np.arange(len(magnitude), dtype=np.int64)
    reason, _ = judge_together(np.zeros(len(ids), np.int8), ids, magnitude, drop_outliers=True)
    return np.asarray(reason == Reason.OUTLIER)


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
