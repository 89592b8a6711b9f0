"""What is dropped, rule by rule, each with its source.

- Pixels: an image with a pixel that is not finite, within the central 32 x 32.
- Photometry: a magnitude that is not finite or at least 90 in size. Surveys mark what was not measured with
  such numbers: -9999 in SDSS, 99 and -99 in SExtractor's catalogues.
- Redshift: not finite, below -0.01 or above 20. No galaxy is known beyond a blueshift of 0.003 or a redshift
  of 15. A source without any redshift keeps its galaxies: they can be predicted, not judged.
- Duplicates: an object id that came before, which would put a galaxy into more than one part of the split.
- Outliers: a colour that is far out among galaxies of the same brightness, as `outliers.py` says.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from inference.data.dataset import MAX_REDSHIFT
from inference.preparation import outliers
from inference.preparation.blocks import Block, Reason

Floats = npt.NDArray[np.float64]
Reasons = npt.NDArray[np.int8]

SENTINEL = 90.0
MIN_REDSHIFT = -0.01


def judge(block: Block) -> Reasons:
    """Each galaxy's Reason, by its own pixels and magnitudes; int8 [N]."""
    galaxies = block.galaxies
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(galaxies.image.sum(axis=(1, 2, 3), dtype=np.float64))
    # A sum can overflow where no pixel is infinite, so the few that are suspicious are looked at closely.
    for row in np.flatnonzero(~finite):
        finite[row] = np.isfinite(galaxies.image[row]).all()
    tests = {
        Reason.PIXELS: ~finite,
        Reason.PHOTOMETRY: ~(np.abs(galaxies.magnitude) < SENTINEL).all(axis=1),
    }
    return _first(block.reason, tests)


def judge_redshifts(reason: Reasons, redshift: Floats) -> Reasons:
    """Add the rule about redshifts; nothing is added where there is none at all."""
    if np.isnan(redshift).all():
        return reason
    possible = (redshift >= MIN_REDSHIFT) & (redshift <= MAX_REDSHIFT)
    return _first(reason, {Reason.REDSHIFT: ~possible})


def judge_together(
    reason: Reasons, object_id: npt.NDArray[np.int64], magnitude: Floats, *, drop_outliers: bool
) -> tuple[Reasons, outliers.Fences]:
    """Add the rules about all galaxies; also returns the fences of colours, empty where none were used."""
    reason = _first(reason, {Reason.DUPLICATE: _repeats(object_id, reason == Reason.NONE)})
    if not drop_outliers:
        return reason, []
    kept = reason == Reason.NONE
    outside = np.zeros(len(reason), bool)
    outside[kept], fences = outliers.find(magnitude[kept])
    return _first(reason, {Reason.OUTLIER: outside}), fences


def _repeats(object_id: npt.NDArray[np.int64], usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which usable rows have the id of an earlier usable row."""
    rows = np.flatnonzero(usable)
    _, first = np.unique(object_id[rows], return_index=True)
    repeated = usable.copy()
    repeated[rows[first]] = False
    return repeated


def _first(reason: Reasons, tests: Mapping[Reason, npt.NDArray[np.bool_]]) -> Reasons:
    """`reason`, where there is none the first test that holds."""
    result = reason.copy()
    for found, holds in tests.items():
        result[(result == Reason.NONE) & holds] = found
    return result
