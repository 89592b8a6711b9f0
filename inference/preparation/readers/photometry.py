"""Magnitudes and redshifts among the columns of a table, by the names that surveys give them.

Magnitudes corrected for our galaxy's dust win over raw ones; raw ones are corrected where a table says how:
SDSS's `extinction_u` …, or E(B-V) with the coefficients of Schlafly & Finkbeiner 2011 (ApJ 737, 103, table 6,
R_V = 3.1). The network has never seen a galaxy through dust.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core import units
from inference.core.errors import DataError
from inference.data import columns as names
from inference.preparation.reading import BANDS, Reading

Array = npt.NDArray[Any]
Table = Mapping[str, Array]
"""Columns [N] or [N, 5] by lower-case name."""

CORRECTED = ("dered_{}", "{}_dered", "mag_{}_dered", "{}_mag_dered", "{}0", "{}_0", "{}_corrected")
RAW = (
    *("modelmag_{}", "cmodelmag_{}", "{}", "mag_{}", "{}_mag", "magnitude_{}", "petromag_{}", "psfmag_{}"),
    *("mag_{}_lsst", "mag_{}_sdss", "sdss_{}", "{}mag"),
)
VECTORS = ("modelmag", "cmodelmag", "petromag", "psfmag", *names.NAMES["magnitude"])
CORRECTED_VECTORS = ("dered", "dered_mag", "modelmag_dered")
FLUXES = ("modelflux_{}", "cmodelflux_{}", "petroflux_{}", "psfflux_{}", "flux_{}", "{}_flux")
FLUX_VECTORS = ("modelflux", "cmodelflux", "petroflux", "psfflux")
"""SDSS's fluxes are nanomaggies."""
EXTINCTION = ("extinction_{}", "{}_extinction", "a_{}")
REDDENING = ("ebv", "e_bv", "e(b-v)", "e_b_v", "ebv_sfd", "sfd_ebv", "e_bv_sfd")
COEFFICIENTS = np.array([4.239, 3.303, 2.285, 1.698, 1.263])
"""Extinction in u, g, r, i, z for an E(B-V) of 1."""
AFTER_BAND = ("z1", "z_1", "z_2")
"""What a second column z, the redshift beside the magnitude, is renamed to by SkyServer and by readers."""


@dataclass(frozen=True)
class Magnitudes:
    """Magnitudes [N, 5] and a sentence about the columns that they are from."""

    values: npt.NDArray[np.float64]
    note: str


def magnitudes(
    table: Table, name: str, how: Reading, given_units: Mapping[str, str] | None = None
) -> Magnitudes:
    """The magnitudes of a table; `given_units` are the units that it states, by column.

    Raises DataError when there are none, or when they are in a unit that is not known.
    """
    said = dict(given_units or {})
    chosen = how.columns.get("magnitude")
    if chosen is not None:
        return _finished(_chosen(table, chosen.lower(), name), name, how, said, {})
    if corrected := _style(table, CORRECTED) or _vector(table, CORRECTED_VECTORS):
        return _finished(corrected, name, how, said, {})
    if raw := _vector(table, VECTORS) or _style(table, RAW):
        return _finished(raw, name, how, said, table)
    if fluxes := _vector(table, FLUX_VECTORS) or _style(table, FLUXES):
        used = fluxes[1].split(", ")
        if used[0] not in said and used[0].startswith(FLUX_VECTORS):
            said = dict.fromkeys(used, "nanomaggy")
        elif used[0] not in said:
            _need_unit(how, fluxes[1], name)
        return _finished(fluxes, name, how, said, table)
    raise DataError(
        f"{name}: has no magnitudes, as one column of five numbers ({', '.join(VECTORS[:3])}, …) or as "
        f"columns u to z (also modelMag_u, dered_u, mag_u_lsst and the like); it has {names.shown(table)}. "
        "Say which they are with --columns magnitude=NAME, with {} for the band where there are five."
    )


def _need_unit(how: Reading, used: str, name: str) -> None:
    if how.magnitude_unit == "mag":
        raise DataError(
            f"{name}: {used} are fluxes in a unit that it does not say; if they are nanomaggies, give "
            "--magnitude-unit nanomaggy."
        )


def _chosen(table: Table, chosen: str, name: str) -> tuple[Array, str]:
    found = _style(table, (chosen,)) if "{}" in chosen else _vector(table, (chosen,))
    if found is None:
        raise DataError(f"{name}: has no five magnitudes {chosen}; it has {names.shown(table)}.")
    return found


def _style(table: Table, styles: Sequence[str]) -> tuple[Array, str] | None:
    """Five columns of the first style that a table has, as [N, 5], and their names."""
    for style in styles:
        used = [style.format(band) for band in BANDS]
        if all(one in table and table[one].ndim == 1 for one in used):
            return np.column_stack([table[one] for one in used]), ", ".join(used)
    return None


def _vector(table: Table, candidates: Sequence[str]) -> tuple[Array, str] | None:
    for one in candidates:
        if one in table and table[one].ndim == 2:
            return table[one], one
    return None


def _finished(
    found: tuple[Array, str], name: str, how: Reading, given_units: Mapping[str, str], table: Table
) -> Magnitudes:
    """As asinh magnitudes where they were fluxes, corrected for dust by the columns of `table`."""
    raw, used = found
    if raw.dtype.kind not in "fiu":
        raise DataError(f"{name}: its magnitudes are {raw.dtype} instead of numbers.")
    if raw.ndim != 2 or raw.shape[1] != len(BANDS):
        raise DataError(f"{name}: its magnitudes have shape {list(raw.shape)}, not five a row.")
    values, note = raw.astype(np.float64), f"magnitudes: {used}"
    unit = next((given_units[one] for one in used.split(", ") if one in given_units), how.magnitude_unit)
    if (factor := nanomaggies(unit)) is not None:
        values, note = units.asinh_magnitudes(values * factor), f"{note} ({unit}, made asinh magnitudes)"
    elif not _is_magnitude(unit):
        raise DataError(
            f"{name}: {used} are in {unit}, which is neither magnitudes nor a flux that is converted."
        )
    dust = _dust(table)
    if dust is not None:
        return Magnitudes(values - dust[0], f"{note}, corrected for dust by {dust[1]}")
    corrected = any(used == ", ".join(s.format(b) for b in BANDS) for s in CORRECTED)
    state = "corrected for dust" if corrected or used in CORRECTED_VECTORS else "not corrected for dust"
    return Magnitudes(values, f"{note}, {state}")


def vector(array: Array, how: Reading) -> Array:
    """Magnitudes [N, 5] in the order u, g, r, i, z, from what a file has in the order that the user says."""
    if array.ndim != 2 or array.shape[1] != len(BANDS) or array.dtype.kind not in "fiu":
        return array  # for `blocks.block` to refuse
    ordered = array[:, how.places]
    return units.asinh_magnitudes(ordered) if how.magnitude_unit == "nanomaggy" else ordered


def _is_magnitude(unit: str) -> bool:
    return unit.strip().lower() in ("", "mag", "mags", "mag(ab)", "abmag", "luptitude", "luptitudes")


def nanomaggies(unit: str) -> float | None:
    """How many nanomaggies one of this unit is; None for a unit that is no flux density known here."""
    plain = unit.strip().lower().replace(" ", "").removeprefix("10^-9").strip("()")
    return {
        **dict.fromkeys(("nanomaggy", "nanomaggies", "nanomaggie", "nmgy", "nmaggy"), 1.0),
        **dict.fromkeys(("maggy", "maggies", "mgy"), 1e9),
        **dict.fromkeys(("ujy", "microjy", "microjansky"), 1 / 3.631),
        **dict.fromkeys(("njy", "nanojy", "nanojansky"), 1 / 3631.0),
        **dict.fromkeys(("mjy", "millijansky"), 1e3 / 3.631),
        **dict.fromkeys(("jy", "jansky"), 1e6 / 3.631),
    }.get(plain)


def _dust(table: Table) -> tuple[Array, str] | None:
    """Magnitudes by which dust dims each galaxy, [N, 5], and the columns that say it."""
    found = _style(table, EXTINCTION) or _vector(table, ("extinction",))
    if found:
        return found
    name = next((one for one in REDDENING if one in table), None)
    if name is None or table[name].dtype.kind not in "fiu":
        return None
    return table[name][:, None] * COEFFICIENTS, f"{name} (Schlafly & Finkbeiner 2011)"


def redshifts(table: Table, name: str, how: Reading) -> tuple[npt.NDArray[np.float64], str]:
    """Redshifts [N] of a table, NaN where it has none, and a sentence about the column.

    Raises DataError when several columns could be it.
    """
    place = redshift_column(table, name, how)
    if place is None:
        count = len(next(iter(table.values())))
        return np.full(count, np.nan), f"redshift: none among {names.shown(table)}"
    values = table[place]
    if values.dtype.kind not in "fiu" or values.ndim != 1:
        raise DataError(f"{name}: its redshifts {place} are {values.dtype} instead of a number a row.")
    return values.astype(np.float64), f"redshift: {place}"


def redshift_column(table: Table, name: str, how: Reading) -> str | None:
    """What a table calls its redshift, None where it has none: beside u, g, r and i, z is the band."""
    known = set(table)
    if "redshift" not in how.columns and set("ugri") <= known:
        known.discard("z")  # the band
        second = [one for one in AFTER_BAND if one in known]
        if second and not known & set(names.NAMES["redshift"]):
            return second[0]
    return names.which("redshift", known, name, how.columns)
