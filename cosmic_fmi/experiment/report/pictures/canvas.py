"""What all pictures share: colours, axes, and a picture with its caption and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any colour vision tell apart (jfly.uni-koeln.de/color).
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
RED = "#D55E00"
PURPLE = "#CC79A7"
YELLOW = "#F0E442"
GREY = "#BBBBBB"
DARK = "#555555"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)

PHASES: Mapping[str, tuple[str, str]] = {
    "init": ("Initialize", RED),
    "start": ("start, cold start", ORANGE),
    "download": ("download", SKY),
    "import": ("imports", YELLOW),
    "setup": ("set-up of messages", PURPLE),
    "inference": ("inference", BLUE),
    "reduce": ("reduce", GREEN),
    "summarize": ("Summarize", DARK),
    "other": ("other", GREY),
}
"""Label and colour of each phase of an execution, in the order in which they happen."""

WIDTH = 4.8
"""Inches: text of 9 points stays readable on a telephone, where the picture is 360 pixels wide."""

Cell = str | int | float | None


@dataclass(frozen=True)
class Mark:
    """A place in a picture, in the axes' own coordinates, and what the page says when it is pointed at."""

    axes: Axes
    x: float
    y: float
    text: str

    def place(self, figure: Figure) -> tuple[float, float]:
        """Where it is, as parts of the width and, from the top, of the height; once the figure was drawn."""
        x, y = self.axes.transData.transform((self.x, self.y))
        return float(x / figure.bbox.width), float(1 - y / figure.bbox.height)


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words for those who cannot see it, and its numbers as a table."""

    name: str
    title: str
    caption: str
    figure: Figure
    head: tuple[str, ...]
    body: Sequence[Sequence[Cell]]
    alt: str = ""
    marks: Sequence[Mark] = ()

    @property
    def description(self) -> str:
        """The alternative text: what is drawn, and its numbers where they are few."""
        return f"{self.title}. {self.alt or self.caption}"


def canvas(height: float = 3.2, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, without the frame's upper and right line."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    return figure, axes


def bare(axes: Axes) -> None:
    """Small text, and no frame where it says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)


def legend_above(axes: Axes, columns: int = 3) -> None:
    """The legend over the axes, where it hides nothing."""
    axes.legend(
        frameon=False,
        fontsize=8,
        ncols=columns,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        handlelength=1.2,
    )


def log_ticks(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis (to base 2) with a tick at each of these values, as long as they do not collide."""
    axes.set_xscale("log", base=2)
    shown: list[float] = []
    for value in sorted(set(values)):
        if not shown or value / shown[-1] > 1.3:
            shown.append(value)
    axes.set_xticks(shown, [f"{value:,.0f}" if value >= 10 else f"{value:g}" for value in shown])
    axes.minorticks_off()
