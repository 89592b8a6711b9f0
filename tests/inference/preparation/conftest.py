"""The galaxies that the tests of each format share."""

import pytest

from inference.core.galaxies import Galaxies
from tests.inference.preparation.support.formats import COUNT


@pytest.fixture(scope="module")
def galaxies(survey: Galaxies) -> Galaxies:
    part = survey[:COUNT]
    return Galaxies(part.image, part.magnitude, part.redshift, part.object_id + 1_237_000_000_000_000_000)
