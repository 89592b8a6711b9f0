"""Which pictures results give, and the numbers in them."""

from __future__ import annotations

from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.schema import RunRow
from tests.cosmic_fmi.experiment.support import rows


def test_pictures_appear_only_where_there_is_something_to_draw() -> None:
    def names(*made: RunRow) -> set[str]:
        return {picture.name for picture in pictures(made, [], rows.predictions("other"))}

    assert names() == set()
    assert names(rows.row()) == {"time", "cost"}
    several = {"time", "cost", "pareto"}
    warm = rows.row(cold_starts=0), rows.row(world_size=4, cold_starts=0)
    assert names(*warm) == {*several, "speedup"}
    assert names(rows.row(), rows.row(batch_size=64)) == {*several, "batch"}
    assert names(rows.row(), rows.row(memory_mb=128)) == {*several, "memory"}
    assert names(rows.row(), rows.row(files=8, partition_mb=3.2)) == {*several, "partition-size"}
    assert names(rows.row(), rows.row(files=8)) == {*several, "partitions"}
    assert names(rows.row(mode="script", source="hello", samples=0)) == {"time", "cost", "published"}
    assert names(rows.row(mode="script", source="pi", samples=0)) == {"time", "cost"}
    assert names(rows.row(warm_up=True), rows.row(status="failed")) == set()


def test_a_setting_with_several_runs_has_an_interval_around_its_median() -> None:
    made = [rows.row(f"w2-{n}", duration_s=seconds) for n, seconds in enumerate((9.0, 10.0, 14.0, 10.5, 9.5))]
    time = next(
        picture for picture in pictures(made, [], rows.predictions("other")) if picture.name == "time"
    )
    world, started, runs, value, low, high = time.body[0][:6]
    assert (world, started, runs, value) == (2, "cold", 5, 10.0)
    assert 9.0 <= float(low or 0) < 10.0 < float(high or 0) <= 14.0
