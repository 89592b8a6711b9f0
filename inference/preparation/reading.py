"""How to read files that do not say it themselves: what the user tells of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BANDS = "ugriz"
LAYOUTS = ("channels-first", "channels-last")
MAGNITUDE_UNITS = ("mag", "nanomaggy")


@dataclass(frozen=True)
class Reading:
    """What the user says about the files.

    `columns` has the names in the files by ours (image, magnitude, redshift, object_id, file); `keep` names
    further columns that travel to the predictions; `layout` is that of image arrays; `bands` the order of
    bands that have no names, None where the user does not say; `pixel_scale` is what pixels are
    multiplied by to be nanomaggies; `trust_pixels` leaves out the comparison of the images' light with the
    magnitudes'.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Sequence[str] = ()
    layout: str = LAYOUTS[0]
    bands: str | None = None
    magnitude_unit: str = MAGNITUDE_UNITS[0]
    pixel_scale: float = 1.0
    trust_pixels: bool = False

    @property
    def places(self) -> list[int]:
        """Where u, g, r, i and z are among bands in the given order."""
        return [(self.bands or BANDS).index(band) for band in BANDS]
