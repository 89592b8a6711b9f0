"""Colours that are outliers among galaxies of the same brightness.

A colour (u-g, g-r, r-i, i-z) is one beyond Tukey's outer fences, that is more than three interquartile ranges
outside the quartiles ("far out": Tukey, Exploratory Data Analysis, 1977, section 2D). Of normally distributed
values, 1 in 400,000 lies there.

Quartiles are those of galaxies of similar brightness, because catalogues need not have magnitude errors and
the scatter of a class of brightness shows them: fences of the whole survey would call every faint galaxy an
outlier whose u is mostly noise, and miss a wrong magnitude of a bright one. Brightness is the median of the
five magnitudes, which one wrong magnitude moves little. It has no fence itself: a survey's faint limit makes
it so skewed that the nearest galaxies would be outliers.

A mixture of kinds (a redshift range that is rare in a catalogue, blue galaxies among luminous red ones) looks
like outliers too, so being one is a mark (the column `colour_outlier`) and no reason to drop a galaxy.
"""

import numpy as np
import numpy.typing as npt

FENCE = 3.0
FEWEST = 20
"""With fewer galaxies, quartiles say too little to call anything an outlier."""
CLASS = 100
"""Galaxies of a class of brightness, at least, where there are enough for two."""
MOST_CLASSES = 20

COLOURS = ("u-g", "g-r", "r-i", "i-z")

Fences = list[dict[str, list[float]]]


def measure(magnitude: npt.NDArray[np.float64]) -> Fences:
    """The fences that galaxies with these magnitudes [N, 5] give: lower and upper ones by colour for each
    class of brightness, which is the range "brightness". There are none of too few galaxies.
    """
    if len(magnitude) < FEWEST:
        return []
    colour, brightness = -np.diff(magnitude, axis=1), np.median(magnitude, axis=1)
    fences = []
    classes = max(1, min(MOST_CLASSES, len(magnitude) // CLASS))
    for rows in np.array_split(np.argsort(brightness, kind="stable"), classes):
        lower, upper = np.percentile(colour[rows], (25, 75), axis=0)
        ends = np.array([lower - FENCE * (upper - lower), upper + FENCE * (upper - lower)])
        between = brightness[rows[[0, -1]]].tolist()
        fences.append({"brightness": between} | dict(zip(COLOURS, ends.T.tolist(), strict=True)))
    return fences


def outside(magnitude: npt.NDArray[np.float64], fences: Fences) -> npt.NDArray[np.bool_]:
    """Which galaxies with magnitudes [N, 5] have a colour beyond the fences of their brightness, bool [N]."""
    if not fences:
        return np.zeros(len(magnitude), bool)
    colour, brightness = -np.diff(magnitude, axis=1), np.median(magnitude, axis=1)
    classes = np.searchsorted([fence["brightness"][0] for fence in fences[1:]], brightness, side="right")
    ends = np.array([[fence[name] for name in COLOURS] for fence in fences])[classes]
    return np.asarray(((colour < ends[..., 0]) | (colour > ends[..., 1])).any(axis=1))
