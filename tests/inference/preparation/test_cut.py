"""Sizes, pieces and copies."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.cut import normalised, parse_size, pieces, repeated, rows_of
from inference.preparation.scale import MagnitudeScale


def stream(lengths: list[int]) -> Iterator[Galaxies]:
    start = 0
    for length in lengths:
        ids = np.arange(start, start + length, dtype=np.int64)
        yield Galaxies(
            np.zeros((length, 5, 1, 1), np.float32), np.ones((length, 5)) * ids[:, None], np.ones(length), ids
        )
        start += length


def ids(galaxies: Iterator[Galaxies]) -> list[int]:
    return [int(number) for part in galaxies for number in part.object_id]


@pytest.mark.parametrize(
    ("text", "rows"), [("10MB", 512), ("25MB", 1279), ("50MB", 2557), ("75MB", 3835), ("100MB", 5113)]
)
def test_the_courses_partitions(text: str, rows: int) -> None:
    assert rows_of(parse_size(text)) == rows


def test_only_four_row_lengths_give_the_published_numbers() -> None:
    """What the module's text says about its rule."""
    sizes = {25 * 2**20: 1279, 100 * 2**20: 5113}

    def fitting(rows: "np.ufunc") -> list[int]:
        lengths = np.arange(20_000, 21_000)
        return [int(n) for n in lengths if all(rows(size / n) == count for size, count in sizes.items())]

    assert fitting(np.ceil) == [20_509, 20_510, 20_511, 20_512]
    assert fitting(np.floor) == fitting(np.rint) == []


@pytest.mark.parametrize(
    ("text", "size"), [("25MB", 25 * 2**20), ("1TB", 2**40), ("1.5 gb", 3 * 2**29), ("512KB", 2**19)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "25", "MB", "0MB", "-1MB", "25 MiB", "1e3MB", "infMB"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size such as 25MB"):
        parse_size(text)


@given(st.lists(st.integers(0, 12)), st.integers(1, 9))
def test_pieces_are_everything_in_order_and_full_but_for_the_last(lengths: list[int], rows: int) -> None:
    found = list(pieces(stream(lengths), rows))
    assert ids(iter(found)) == list(range(sum(lengths)))
    assert all(len(piece) == rows for piece in found[:-1])
    assert all(1 <= len(piece) <= rows for piece in found)


@given(st.lists(st.integers(0, 6), min_size=1), st.integers(0, 50))
def test_repeated_is_a_cycle(lengths: list[int], rows: int) -> None:
    total = sum(lengths)
    if total == 0 and rows:
        with pytest.raises(ValueError, match="no galaxies to repeat"):
            list(repeated(lambda: stream(lengths), rows))
        return
    assert ids(repeated(lambda: stream(lengths), rows)) == [row % total for row in range(rows)]


def test_repeating_does_not_read_ahead() -> None:
    rounds = 0

    def once() -> Iterator[Galaxies]:
        nonlocal rounds
        rounds += 1
        return stream([3])

    endless = pieces(repeated(once, 10**12), 3)
    for number in range(1, 50):
        assert len(next(endless)) == 3
        assert rounds <= number + 1


def test_a_scale_gives_the_training_part_mean_0_and_deviation_1() -> None:
    magnitude = np.random.default_rng(3).normal([20, 19, 18, 17, 16], [1, 2, 3, 4, 5], (500, 5))
    scale = MagnitudeScale.of(magnitude)
    scaled = scale.apply(magnitude)
    assert scaled.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)
    assert scaled.std(axis=0) == pytest.approx(np.ones(5))
    part = Galaxies(np.zeros((500, 5, 1, 1), np.float32), magnitude, np.ones(500), np.arange(500))
    assert np.array_equal(next(normalised(iter([part]), scale)).magnitude, scaled)


@pytest.mark.parametrize("magnitude", [np.zeros((0, 5)), np.ones((1, 5))])
def test_a_scale_needs_galaxies(
    magnitude: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
) -> None:
    with pytest.raises(DataError, match="do not give magnitudes a scale"):
        MagnitudeScale.of(magnitude)


@pytest.mark.parametrize("filling", [0.0, 22.1])
def test_a_band_that_was_not_observed_stays_small(filling: float) -> None:
    """Rounding gives 22.1 again and again a deviation of 1e-14, and normalised magnitudes of any size."""
    magnitude = np.random.default_rng(3).normal(20, 1, (206, 5))
    magnitude[:, 0] = filling
    scale = MagnitudeScale.of(magnitude)
    assert scale.deviation[0] == 1.0
    assert np.abs(scale.apply(magnitude)[:, 0]).max() < 1e-9
    assert np.abs(scale.apply(magnitude + 0.5)[:, 0]).max() == pytest.approx(0.5)
