"""Write inference/survey/atlas.json, the published curves behind the synthetic survey.

Reads the SDSS response curves that speclite carries (Doi et al. 2010, AJ 139, 1628, table 4, through 1.3
airmasses) and the galaxy spectra that GalSim carries (Coleman, Wu & Weedman 1980, ApJS 43, 393, extended by
Bolzonella et al. 2000, A&A 363, 476), and keeps the points between which straight lines follow them. Needs
the extra `survey`; the survey itself reads only the file.
"""

import argparse
import json
import sys
from pathlib import Path

import galsim
import numpy as np
import numpy.typing as npt
from speclite import filters

Array = npt.NDArray[np.float64]

OUTPUT = Path(__file__).resolve().parents[1] / "inference" / "survey" / "atlas.json"
TYPES = ("E", "Sbc", "Scd", "Im")
SPECTRA_ANGSTROM = (1700, 11_300)
"""What the bands see of galaxies between redshift 0 and 0.72."""
TOLERANCE = {"bands": 0.0005, "spectra": 0.015}
"""Largest departure of the kept polygon: of the maximum for a band, of the local flux for a spectrum."""


def thinned(x: Array, y: Array, tolerance: float) -> list[int]:
    """Rows whose polygon stays within `tolerance` of all points (Ramer 1972, Douglas & Peucker 1973)."""
    line = np.interp(x, x[[0, -1]], y[[0, -1]])
    worst = int(np.argmax(np.abs(y - line)))
    if abs(y[worst] - line[worst]) <= tolerance:
        return [0, len(x) - 1]
    before, after = (
        thinned(x[: worst + 1], y[: worst + 1], tolerance),
        thinned(x[worst:], y[worst:], tolerance),
    )
    return before + [worst + row for row in after[1:]]


def band(name: str) -> dict[str, list[float]]:
    """Response of one SDSS band, one at its maximum; u has a faint leak near 7,500 Å, which stays."""
    loaded = filters.load_filter(f"sdss2010-{name}")
    wavelength, response = np.asarray(loaded.wavelength), loaded.response / loaded.response.max()
    return table(wavelength, response, thinned(wavelength, response, TOLERANCE["bands"]))


def spectrum(kind: str) -> dict[str, list[float]]:
    """Flux density per wavelength of one galaxy type, one at 5500 Å."""
    path = Path(galsim.meta_data.share_dir) / "SEDs" / f"CWW_{kind}_ext.sed"
    wavelength, flux = np.loadtxt(path).T
    inside = (wavelength >= SPECTRA_ANGSTROM[0]) & (wavelength <= SPECTRA_ANGSTROM[1])
    wavelength, flux = wavelength[inside], flux[inside] / np.interp(5500.0, wavelength, flux)
    return table(wavelength, flux, thinned(wavelength, np.log(flux), TOLERANCE["spectra"]))


def table(x: Array, y: Array, rows: list[int]) -> dict[str, list[float]]:
    """The kept points, with four digits."""
    return {"angstrom": [round(float(v), 1) for v in x[rows]], "value": [float(f"{v:.4g}") for v in y[rows]]}


def text(atlas: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """JSON with a curve a line."""
    parts = []
    for part, tables in atlas.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(curve)}" for name, curve in tables.items())
        parts.append(f" {json.dumps(part)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Write the published curves that the synthetic survey is made from.",
        epilog="example: python scripts/make_atlas.py --output inference/survey/atlas.json",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (%(default)s)")
    given = parser.parse_args(arguments)
    atlas = {
        "bands": {name: band(name) for name in "ugriz"},
        "spectra": {kind: spectrum(kind) for kind in TYPES},
    }
    given.output.write_text(text(atlas))
    print(f"{given.output}: {sum(len(t['value']) for part in atlas.values() for t in part.values())} points")
    return 0


if __name__ == "__main__":
    sys.exit(main())
