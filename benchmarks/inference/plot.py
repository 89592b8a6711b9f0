"""The picture: samples a second beside the machine's limit, and cold starts in time and memory."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.inference.cold import ColdStart
from benchmarks.inference.throughput import Throughput

OURS, THEIRS = "#1d6fa5", "#b0b7bd"


def draw(warm: Throughput, starts: Sequence[ColdStart], path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    rates, seconds, memory = figure.subplots(1, 3, width_ratios=[2, 1.2, 1.2])
    _bars(rates, [(row.title, row.rate) for row in warm.rows], "galaxies a second, warm (longer is better)")
    rates.axvline(warm.limit, color="crimson", linewidth=1)
    rates.text(warm.limit, -0.55, "matrix products alone ", color="crimson", fontsize=8, ha="right", va="top")
    _bars(seconds, [(start.title, start.time) for start in starts], "cold start, seconds")
    _bars(memory, [(start.title, start.megabytes) for start in starts], "cold start, peak MB")
    memory.set_yticklabels([])
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, bars: Sequence[tuple[str, float]], title: str) -> None:
    labels = [label.replace(", ", ",\n", 1) for label, _ in bars]
    colours = [OURS if label.startswith("ours") else THEIRS for label, _ in bars]
    drawn = axes.barh(labels, [value for _, value in bars], color=colours)
    axes.bar_label(drawn, fmt=_number, fontsize=8, label_type="center")
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
