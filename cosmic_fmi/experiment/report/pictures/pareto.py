"""Time against cost of every setting: which are worth a thought, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from cosmic_fmi.experiment.report.pictures.canvas import BLUE, GREY, RED, Cell, Mark, Picture, canvas
from cosmic_fmi.experiment.results.groups import (
    Row,
    Setting,
    comparable_settings,
    is_cold,
    short_names,
)
from cosmic_fmi.experiment.results.statistics import median

_LOCAL = " These functions shared the cores of one machine: on AWS another setting may be the better one."


class Point(NamedTuple):
    """One setting: its name, runs, whether they were cold, median seconds and median dollars."""

    name: str
    runs: int
    cold: bool
    seconds: float
    dollars: float

    def __str__(self) -> str:
        kind = "cold" if self.cold else "warm"
        return f"{self.name}: {self.seconds:.2f} s, ${self.dollars:.6f} ({self.runs} {kind})"


def time_against_cost(rows: Sequence[Row]) -> Picture | None:
    """Every setting as a point; those that no other beats in both are joined, and one is recommended."""
    points = points_of(comparable_settings(rows))
    if len(points) < 2:
        return None
    front, best = frontier(points), recommended(points)
    figure, axes = canvas(3.6)
    axes.plot([p.seconds for p in front], [p.dollars * 1000 for p in front], color=GREY, lw=1, zorder=1)
    for point in points:
        _draw(axes, point, on_front=point in front, best=point is best)
    axes.set(xlabel="time (s)", ylabel="cost (thousandths of a dollar)", xlim=(0, None), ylim=(0, None))
    axes.margins(0.12)
    body: list[list[Cell]] = [
        [point.name, point.seconds, point.dollars, _verdict(point, front, best)]
        for point in sorted(points, key=lambda point: point.seconds)
    ]
    return Picture(
        "pareto",
        "Time against cost",
        f"Each point is a setting: medians of its {'cold' if best.cold else 'warm'} runs. On the grey line "
        "are those that no other beats in both. The red one has the smallest product of time and cost, which "
        "weighs one per cent of each alike: take it unless one of the two matters more to you."
        + (_LOCAL if rows[0]["target"] == "local" else ""),
        figure,
        ("setting", "median s", "median $", "verdict"),
        body,
        f"Recommended: {best}.",
        [Mark(axes, point.seconds, point.dollars * 1000, str(point)) for point in points],
    )


def points_of(groups: Mapping[Setting, Sequence[Row]]) -> list[Point]:
    """The settings as points."""
    found = []
    for name, runs in zip(short_names(list(groups)), groups.values(), strict=True):
        seconds = median([row["duration_s"] for row in runs]).value
        dollars = median([row["cost_usd"] for row in runs]).value
        found.append(Point(name, len(runs), is_cold(runs[0]), seconds, dollars))
    return found


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, by time."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.seconds, point.dollars)):
        if not front or point.dollars < front[-1].dollars:
            front.append(point)
    return front


def recommended(points: Sequence[Point]) -> Point:
    """The point with the smallest product of time and cost; it is always on the frontier."""
    return min(points, key=lambda point: (point.seconds * point.dollars, point.seconds))


def _draw(axes: Axes, point: Point, *, on_front: bool, best: bool) -> None:
    colour = RED if best else BLUE if on_front else GREY
    axes.scatter([point.seconds], [point.dollars * 1000], s=42, color=colour, zorder=2)
    if best:
        axes.annotate(
            point.name,
            (point.seconds, point.dollars * 1000),
            textcoords="offset points",
            xytext=(7, 5),
            fontsize=8,
        )


def _verdict(point: Point, front: Sequence[Point], best: Point) -> str:
    if point is best:
        return "recommended"
    return "best at its time" if point in front else "beaten in both"
