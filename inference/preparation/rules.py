"""What is dropped, rule by rule. What makes a single galaxy unusable is in `inference.core.validity`.

- Pixels and photometry: an image or a magnitude that no network can use.
- Redshift: an impossible one, of galaxies that are to be learned from. An unknown redshift is no reason: such
  a galaxy is one to predict, or to pretrain with.
- Duplicates: an object id that came before, which would put a galaxy into more than one part of the split.
- Outliers: a colour that is far out among galaxies of the same brightness, as `outliers.py` says; only on
  request.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from inference.core import validity
from inference.core.object_ids import Ids
from inference.core.validity import Flag
from inference.preparation.blocks import Block, Reason

Floats = npt.NDArray[np.float64]
Reasons = npt.NDArray[np.int8]


def judge(block: Block) -> Reasons:
    """Each galaxy's Reason, by its own pixels and magnitudes; int8 [N]."""
    found = validity.flags(block.galaxies)
    tests = {
        Reason.PIXELS: (found & Flag.PIXELS) != 0,
        Reason.PHOTOMETRY: (found & Flag.PHOTOMETRY) != 0,
    }
    return first(block.reason, tests)


def judge_redshifts(reason: Reasons, redshift: Floats) -> Reasons:
    """Add the rule about redshifts of galaxies that are to be learned from."""
    return first(reason, {Reason.REDSHIFT: validity.impossible(redshift)})


def judge_ids(reason: Reasons, object_id: Ids) -> Reasons:
    """Add the rule about ids that come more than once: the first galaxy that can be used stays."""
    return first(reason, {Reason.DUPLICATE: _repeats(object_id, reason == Reason.NONE)})


def _repeats(object_id: Ids, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which usable rows have the id of an earlier usable row."""
    rows = np.flatnonzero(usable)
    _, first = np.unique(object_id[rows], return_index=True)
    repeated = usable.copy()
    repeated[rows[first]] = False
    return repeated


def first(reason: Reasons, tests: Mapping[Reason, npt.NDArray[np.bool_]]) -> Reasons:
    """`reason`, where there is none the first test that holds."""
    result = reason.copy()
    for found, holds in tests.items():
        result[(result == Reason.NONE) & holds] = found
    return result
