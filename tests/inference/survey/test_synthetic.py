"""The synthetic survey: reproducible, finite, and redshift is written in colour, brightness and size."""

import numpy as np
import pytest

from inference.core.galaxies import Galaxies
from inference.survey import cosmology, population, profiles, spectra, synthetic


def test_shapes_and_types(survey: Galaxies) -> None:
    assert survey.image.shape == (1024, 5, 32, 32)
    assert survey.image.dtype == np.float32
    assert survey.magnitude.shape == (1024, 5)
    assert survey.magnitude.dtype == np.float64
    assert survey.redshift.shape == (1024,)
    for array in (survey.image, survey.magnitude, survey.redshift):
        assert np.isfinite(array).all()
    assert survey.redshift.min() >= population.MIN_REDSHIFT
    assert survey.redshift.max() <= population.MAX_REDSHIFT


def test_a_seed_gives_the_same_galaxies_whatever_their_number(survey: Galaxies) -> None:
    again = synthetic.sample(600, seed=77)
    assert np.array_equal(again.image, survey.image[:600])
    assert np.array_equal(again.magnitude, survey.magnitude[:600])
    assert np.array_equal(again.object_id, np.arange(600))
    assert not np.array_equal(synthetic.sample(600, seed=78).redshift, again.redshift)


def test_the_sample_set_is_the_courses_size() -> None:
    assert len(synthetic.sample_set()) == 1253


def test_colours_follow_redshift(survey: Galaxies) -> None:
    colour = -np.diff(survey.magnitude)
    near, far = survey.redshift < 0.15, survey.redshift > 0.45
    # The 4000 Å break leaves the g band for r: g-r and r-i redden.
    assert np.median(colour[far, 1]) > np.median(colour[near, 1]) + 0.4
    assert np.median(colour[far, 2]) > np.median(colour[near, 2]) + 0.3


def test_distant_galaxies_are_fainter(survey: Galaxies) -> None:
    assert np.corrcoef(survey.redshift, survey.magnitude[:, 2])[0, 1] > 0.5


def test_distant_galaxies_are_smaller(survey: Galaxies) -> None:
    line = np.arange(32) - 15.5
    radius = np.hypot(*np.meshgrid(line, line))
    light = np.where(survey.image[:, 2] > 5 * synthetic.PIXEL_NOISE[2], survey.image[:, 2], 0)
    size = (light * radius).sum((1, 2)) / np.maximum(light.sum((1, 2)), 1e-9)
    bright = survey.magnitude[:, 2] < 19.0
    near, far = survey.redshift < 0.12, survey.redshift > 0.3
    assert np.median(size[bright & near]) > np.median(size[bright & far])


def test_images_hold_the_light_that_the_magnitudes_say(survey: Galaxies) -> None:
    light = survey.image[:, 2].sum((1, 2))
    flux = 10 ** (0.4 * (22.5 - survey.magnitude[:, 2]))
    distant = survey.redshift > 0.15  # nearer ones are larger than the image
    # A bulge's wings hold a tenth of its light, beyond the image.
    assert np.median(light[distant] / flux[distant]) == pytest.approx(0.9, abs=0.1)


def test_every_galaxy_is_the_same_however_many_are_observed() -> None:
    whole, part = synthetic.sample(40, seed=5), synthetic.sample(3, seed=5)
    assert np.array_equal(part.image, whole.image[:3])
    assert np.array_equal(part.magnitude, whole.magnitude[:3])


def test_the_break_passes_through_the_bands() -> None:
    red = spectra.band_fluxes(np.array([0.0, 0.4]))[:, 0]
    g_r = -2.5 * np.log10(red[:, 1] / red[:, 2])
    assert g_r[1] > g_r[0] + 0.5


@pytest.mark.parametrize(("redshift", "expected"), [(0.1, 38.32), (0.5, 42.27)])
def test_distance_modulus_of_the_stated_cosmology(redshift: float, expected: float) -> None:
    """Values of Wright's cosmology calculator for H0 = 70, matter 0.3, flat."""
    assert cosmology.distance_modulus(np.array([redshift]))[0] == pytest.approx(expected, abs=0.02)


def test_dust_reddens() -> None:
    law = spectra.attenuation(spectra.band_centres())
    assert np.all(np.diff(law) < 0)
    assert law[2] == pytest.approx(3.3, abs=0.3)


def test_the_depth_is_what_the_noise_allows(survey: Galaxies) -> None:
    """A star at the stated depth has a signal five times the sky's noise under its profile."""
    noise = synthetic.PIXEL_NOISE * np.sqrt(synthetic.POINT_SOURCE_PIXELS)
    assert 22.5 - 2.5 * np.log10(5 * noise) == pytest.approx(synthetic.DEPTHS)
    corner = survey.image[survey.redshift > 0.5][:, :, :6, :6]
    assert corner.std((0, 2, 3)) == pytest.approx(synthetic.PIXEL_NOISE, rel=0.1)


def point(centre: tuple[float, float] = (0.0, 0.0)) -> profiles.Shape:
    return profiles.Shape(np.full(1, 1e-3), np.ones(1), np.zeros(1), np.array([centre]))


def test_blurring_keeps_the_light() -> None:
    image = profiles.observe(point(), point(), np.full((1, 5), 2.0), np.full((1, 5), 3.0), np.ones(1))
    assert image.sum((2, 3)) == pytest.approx(np.full((1, 5), 5.0), rel=0.02)
    assert image[0, 0].max() < image[0, 3].max()  # the seeing is worst in u


def test_worse_seeing_blurs_more() -> None:
    light = np.zeros((2, 5)), np.ones((2, 5))
    both = profiles.Shape(np.full(2, 1.0), np.ones(2), np.zeros(2), np.zeros((2, 2)))
    image = profiles.observe(both, both, *light, np.array([0.9, 1.2]))
    assert (image[0].max((1, 2)) > 1.3 * image[1].max((1, 2))).all()


def test_a_centre_is_where_it_says() -> None:
    light = np.zeros((1, 5)), np.ones((1, 5))
    image = profiles.observe(point((2.5, -4.5)), point((2.5, -4.5)), *light, np.ones(1))[0, 2]
    assert np.unravel_index(image.argmax(), image.shape) == (18, 11)
