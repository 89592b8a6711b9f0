"""Time against cost: which settings are worth a thought."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.pictures.pareto import Point, frontier, recommended
from tests.cosmic_fmi.experiment.support import rows

AMOUNTS = st.floats(0.01, 100.0)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=12))
def test_the_frontier_is_what_no_other_point_beats_in_both(pairs: list[tuple[float, float]]) -> None:
    points = [Point(str(n), 1, False, *pair) for n, pair in enumerate(pairs)]
    front = frontier(points)
    for point in points:
        beaten = any(
            other.seconds <= point.seconds and other.dollars <= point.dollars and other[3:] != point[3:]
            for other in points
        )
        assert beaten == (point[3:] not in [other[3:] for other in front])
    best = recommended(points)
    assert all(best.seconds * best.dollars <= point.seconds * point.dollars for point in points)


def test_each_setting_is_a_point_that_has_a_name() -> None:
    made = [
        rows.row("w1", world_size=1, duration_s=8.0, cost_usd=0.001),
        rows.row("w2", world_size=2, duration_s=4.0, cost_usd=0.0011),
        rows.row("w4", world_size=4, duration_s=5.0, cost_usd=0.002),
    ]
    [picture] = [one for one in pictures(made, [], rows.predictions("other")) if one.name == "pareto"]
    assert [line[3] for line in picture.body] == ["recommended", "beaten in both", "best at its time"]
    assert {mark.text for mark in picture.marks} == {
        "world 1: 8.00 s, $0.001000 (1 cold)",
        "world 2: 4.00 s, $0.001100 (1 cold)",
        "world 4: 5.00 s, $0.002000 (1 cold)",
    }
