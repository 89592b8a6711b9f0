"""Time against world size."""

from __future__ import annotations

from statistics import median

import pytest

from cosmic_fmi.experiment.report.pictures import pictures
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import sweep


@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_phases_in_the_picture_add_up_to_the_median(repetitions: int) -> None:
    made, _ = sweep(worlds=(1, 4), repetitions=repetitions)
    drawn = pictures(made, [], rows.predictions("other"))
    time = next(picture for picture in drawn if picture.name == "time")
    for line, world in zip(time.body, (1, 4), strict=True):
        durations = [row["duration_s"] for row in made if row["world_size"] == world]
        assert sum(float(cell or 0) for cell in line[5:]) == pytest.approx(median(durations))
