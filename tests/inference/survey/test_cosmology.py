"""The survey's distances against astropy's."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from inference.survey import cosmology

UNIVERSE = FlatLambdaCDM(H0=70.0, Om0=0.3)


def test_distances_are_astropys() -> None:
    redshift = np.linspace(0.005, 0.72, 300)
    assert cosmology.distance_modulus(redshift) == pytest.approx(UNIVERSE.distmod(redshift).value, abs=1e-4)
    arcseconds = 60.0 / UNIVERSE.kpc_proper_per_arcmin(redshift).value
    assert cosmology.arcseconds_per_kiloparsec(redshift) == pytest.approx(arcseconds, rel=1e-3)
    volume = UNIVERSE.differential_comoving_volume(redshift).value
    assert cosmology.volume_density(redshift) == pytest.approx(volume, rel=1e-3)
