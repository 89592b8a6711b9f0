"""Which galaxies the survey has: those that SDSS's rules take, as many of each sample as promised."""

import numpy as np
import pytest

from inference.survey import population
from inference.survey.population import Population


@pytest.fixture(scope="module")
def galaxies() -> Population:
    return population.draw(np.random.default_rng(3), 4000)


def test_every_galaxy_is_in_one_of_the_samples(galaxies: Population) -> None:
    flux = galaxies.flux
    chosen = population.in_main(flux), population.in_lowz(flux), population.in_cmass(flux)
    assert np.logical_or.reduce(chosen).all()
    for rows, share in zip(chosen, population.SHARES.values(), strict=True):
        assert rows.mean() > share - 0.03


def test_the_samples_lie_where_sdss_found_them(galaxies: Population) -> None:
    """Median redshifts about 0.1 for the main sample and 0.55 for CMASS (Strauss 2002, Reid 2016)."""
    main, far = population.in_main(galaxies.flux), population.in_cmass(galaxies.flux)
    assert np.median(galaxies.redshift[main]) == pytest.approx(0.10, abs=0.02)
    assert np.median(galaxies.redshift[far]) == pytest.approx(0.55, abs=0.03)
    assert galaxies.redshift.min() >= population.MIN_REDSHIFT
    assert galaxies.redshift.max() <= population.MAX_REDSHIFT


@pytest.mark.parametrize("name", list(population.SAMPLES))
def test_no_galaxy_that_a_rule_takes_is_out_of_reach(name: str) -> None:
    """Galaxies drawn well beyond a sample's reach: its rule takes next to none of them."""
    sample = population.SAMPLES[name]
    wider = population.Sample(sample.rule, 0.01, 0.7, sample.limit + 0.6, sample.slope)
    found = population._chosen(np.random.default_rng(5), 2000, wider)
    inside = (found.redshift >= sample.nearest) & (found.redshift <= sample.farthest)
    reached = found.luminosity < sample.reach(found.redshift)
    assert (inside & reached).mean() > 0.99


def test_luminous_galaxies_are_red_and_inclined_discs_dusty(galaxies: Population) -> None:
    flux = galaxies.flux
    near = galaxies.redshift < 0.12
    g_r = -2.5 * np.log10(flux[:, 1] / flux[:, 2])
    bright = galaxies.luminosity < np.median(galaxies.luminosity[near])
    assert np.median(g_r[near & bright]) > np.median(g_r[near & ~bright]) + 0.03
    disc = -2.5 * np.log10(galaxies.disc_flux[:, 1] / galaxies.disc_flux[:, 2])
    edge_on = galaxies.disc_axis_ratio < 0.4
    assert np.median(disc[near & edge_on]) > np.median(disc[near & ~edge_on]) + 0.03


def test_a_galaxy_can_be_picked(galaxies: Population) -> None:
    part = galaxies[galaxies.redshift < 0.1]
    assert part.redshift.max() < 0.1
    assert part.flux.shape == (len(part.redshift), 5)
