"""Galaxies that come again, over many partitions."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.core.galaxies import Galaxies
from inference.data.repeats import Seen, content_marks


def made(numbers: list[int], *, numbered: bool) -> Galaxies:
    """Galaxies that are equal where their numbers are."""
    magnitude = np.repeat(np.array(numbers, float)[:, None], 5, axis=1) if numbers else np.empty((0, 5))
    count = len(numbers)
    ids = np.arange(count) if numbered else np.array(numbers, np.int64)
    return Galaxies(np.ones((count, 5, 4, 4), np.float32), magnitude, np.ones(count), ids, numbered=numbered)


@given(parts=st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=12), numbered=st.booleans())
def test_what_came_before(parts: list[list[int]], numbered: bool) -> None:
    """By content where the ids were made of a file's name, else by either."""
    seen, before = Seen(), set[int]()
    for numbers in parts:
        expected = []
        for number in numbers:
            expected.append(number in before)
            before.add(number)
        assert seen.repeated(made(numbers, numbered=numbered)).tolist() == expected


def test_one_pixel_or_one_digit_makes_another_galaxy(survey: Galaxies) -> None:
    part = survey[:50]
    marks = content_marks(part)
    assert len(set(marks.tolist())) == 50
    pixel, digit = part.image.copy(), part.magnitude.copy()
    pixel[:, 2, 16, 16] = np.nextafter(pixel[:, 2, 16, 16], np.float32(9))
    digit[:, 4] = np.nextafter(digit[:, 4], 99)
    for other in (replace(part, image=pixel), replace(part, magnitude=digit)):
        assert not np.isin(content_marks(other), marks).any()
    assert np.array_equal(content_marks(replace(part, object_id=part.object_id + 1)), marks)
