"""Time against world size."""

from __future__ import annotations

from statistics import median

import pytest

from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.pictures.canvas import Picture
from cosmic_fmi.experiment.results.groups import comparable
from cosmic_fmi.experiment.schema import RunRow
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import sweep


@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_phases_in_the_picture_add_up_to_the_median(repetitions: int) -> None:
    made, _ = sweep(worlds=(1, 4), repetitions=repetitions)
    drawn = pictures(made, [], rows.predictions("other"))
    time = next(picture for picture in drawn if picture.name == "time")
    for line, world in zip(time.body, (1, 4), strict=True):
        of_world = [row for row in made if row["world_size"] == world]
        durations = [row["duration_s"] for row in comparable(of_world)]
        assert sum(float(cell or 0) for cell in line[6:]) == pytest.approx(median(durations))


def drawn(*made: RunRow) -> dict[str, Picture]:
    return {picture.name: picture for picture in pictures(made, [], rows.predictions("other"))}


def test_a_cold_run_is_in_no_speed_up_and_in_no_median_of_warm_ones() -> None:
    """The first report of all said 5.56 at 2 functions: the run of one function had started cold."""
    cold = rows.row("w1-1", world_size=1, duration_s=20.0, cold_starts=1)
    warm = [
        rows.row("w1-2", world_size=1, duration_s=8.0, cold_starts=0),
        rows.row("w2-1", world_size=2, duration_s=4.0, cold_starts=0),
    ]
    found = drawn(cold, *warm)
    assert [line[1] for line in found["speedup"].body] == pytest.approx([1.0, 2.0])
    assert [(line[0], line[1], line[3]) for line in found["time"].body] == [
        (1, "warm", 8.0),
        (2, "warm", 4.0),
    ]


def test_without_warm_runs_of_two_world_sizes_there_is_no_speed_up() -> None:
    found = drawn(
        rows.row("w1-1", world_size=1, cold_starts=1), rows.row("w2-1", world_size=2, cold_starts=0)
    )
    assert "speedup" not in found
    assert [line[1] for line in found["time"].body] == ["cold", "warm"]


def test_an_efficiency_above_1_is_doubted() -> None:
    slow = rows.row("w1", world_size=1, duration_s=9.0, cold_starts=0)
    two = rows.row("w2", world_size=2, duration_s=4.0, cold_starts=0)
    four = rows.row("w4", world_size=4, duration_s=2.5, cold_starts=0)
    assert "An efficiency above 1 (world 2) is no gain" in drawn(slow, two, four)["speedup"].caption
    honest = rows.row("w1", world_size=1, duration_s=7.0, cold_starts=0)
    assert "An efficiency above 1" not in drawn(honest, two, four)["speedup"].caption
