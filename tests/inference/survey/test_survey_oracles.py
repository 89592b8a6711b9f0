"""The survey's own light code against the libraries of the field: speclite and GalSim."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units
from hypothesis import example, given, settings
from hypothesis import strategies as st
from speclite import filters

from inference.survey import profiles, spectra
from inference.survey.profiles import PIXEL, SEEING, SIZE, Shape

galsim = pytest.importorskip("galsim", reason="GalSim has no wheel for Linux on Arm")
from scripts import make_atlas  # noqa: E402 - it imports GalSim as well

Array = npt.NDArray[np.float64]

RESPONSES = [filters.load_filter(f"sdss2010-{band}") for band in spectra.BANDS]
redshifts = st.floats(0.01, 0.7)


def observed(kind: str, redshift: float, reddening: float) -> Array:
    """AB magnitudes [5] of GalSim's spectrum at a redshift through speclite's filters, dust included."""
    path = Path(galsim.meta_data.share_dir) / "SEDs" / f"CWW_{kind}_ext.sed"
    rest, flux = np.loadtxt(path).T
    magnitudes = []
    for response in RESPONSES:
        first, last = response.wavelength[0], response.wavelength[-1]
        wavelength = np.arange(first - 4.0, last + 6.0, 2.0)
        emitted = wavelength / (1.0 + redshift)
        dimmed = np.interp(emitted, rest, flux) * 10 ** (-0.4 * reddening * spectra.attenuation(emitted))
        density = dimmed / (1.0 + redshift) * 1e-17 * units.erg / units.s / units.cm**2 / units.AA
        magnitudes.append(float(response.get_ab_magnitude(density, wavelength * units.AA)))
    return np.array(magnitudes)


@settings(max_examples=25)
@given(redshift=redshifts, kind=st.sampled_from(spectra.TYPES))
@example(redshift=0.375, kind="E")
def test_magnitudes_are_speclites(redshift: float, kind: str) -> None:
    """Colours and K corrections within 0.04 mag, at any redshift of the survey."""
    theirs = observed(kind, redshift, 0.0) - observed(kind, 0.0, 0.0)[2]
    flux = spectra.band_fluxes(np.array([redshift]))[0, spectra.TYPES.index(kind)]
    assert -2.5 * np.log10(flux) == pytest.approx(theirs, abs=0.04)


@settings(max_examples=25)
@given(redshift=redshifts, kind=st.sampled_from(("Sbc", "Scd", "Im")), reddening=st.floats(0.0, 0.3))
def test_dust_at_a_bands_centre_stands_for_dust_across_it(
    redshift: float, kind: str, reddening: float
) -> None:
    """Within 0.06 mag, for the types that have discs."""
    theirs = observed(kind, redshift, reddening) - observed(kind, redshift, 0.0)
    ours = reddening * spectra.band_attenuation(np.array([redshift]))[0]
    assert ours == pytest.approx(theirs, abs=0.06)


def test_band_centres_are_speclites() -> None:
    theirs = [response.effective_wavelength.value for response in RESPONSES]
    assert spectra.band_centres() == pytest.approx(theirs, rel=0.02)


def test_the_atlas_is_what_its_command_writes(tmp_path: Path) -> None:
    assert make_atlas.main(["--output", str(tmp_path / "atlas.json")]) == 0
    assert (tmp_path / "atlas.json").read_text() == spectra.ATLAS.read_text()


@settings(max_examples=25)
@given(
    index=st.sampled_from((1, 4)),
    half_light=st.floats(0.3, 6.0),
    axis_ratio=st.floats(0.25, 1.0),
    angle=st.floats(0.0, 3.1),
    centre=st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
    band=st.integers(0, 4),
    seeing=st.floats(0.85, 1.2),
)
def test_images_are_galsims(
    *,
    index: int,
    half_light: float,
    axis_ratio: float,
    angle: float,
    centre: tuple[float, float],
    band: int,
    seeing: float,
) -> None:
    """Every pixel within 1 % of the brightest one, all light together within 3 %."""
    shape = Shape(
        np.array([half_light / PIXEL]), np.array([axis_ratio]), np.array([angle]), np.array([centre])
    )
    flux = np.zeros((1, 5))
    flux[0, band] = 100.0
    none = np.zeros((1, 5))
    fluxes = (flux, none) if index == 4 else (none, flux)
    ours = profiles.observe(shape, shape, *fluxes, np.array([seeing]))[0, band]
    profile = {1: galsim.Exponential, 4: galsim.DeVaucouleurs}[index]
    galaxy = profile(half_light_radius=half_light * np.sqrt(axis_ratio), flux=100.0)
    placed = galaxy.shear(q=axis_ratio, beta=angle * galsim.radians).shift(
        centre[1] * PIXEL, centre[0] * PIXEL
    )
    seen = galsim.Convolve(placed, galsim.Kolmogorov(fwhm=SEEING[band] * seeing))
    theirs = seen.drawImage(nx=SIZE, ny=SIZE, scale=PIXEL, method="no_pixel").array
    assert np.abs(ours - theirs).max() < 0.01 * theirs.max()
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.03)
