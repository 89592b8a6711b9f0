"""Sixty galaxies of the survey, as the catalogues of these tests have them."""

from dataclasses import replace

import pytest

from inference.core.galaxies import Galaxies


@pytest.fixture(scope="module")
def sixty(survey: Galaxies) -> Galaxies:
    part = survey[:60]
    return replace(part, object_id=part.object_id + 1_237_648_720_693_755_918)
