"""Time and cost against batch size, memory and partitions: where to set each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from cosmic_fmi.experiment.cost.published import MEMORY_S
from cosmic_fmi.experiment.report.pictures.canvas import BLUE, GREEN, RED, Picture, canvas, log_ticks
from cosmic_fmi.experiment.results.groups import AXES, Axis, Row, along, comparable, held
from cosmic_fmi.experiment.results.statistics import Estimate, median

_TITLES: dict[Axis, str] = {
    "batch_size": "Time and cost against batch size",
    "memory_mb": "Memory against time and cost",
    "partition_mb": "Time and cost against partition size",
    "files": "Time and cost against the number of partitions",
}
_NAMES: dict[Axis, str] = {
    "batch_size": "batch",
    "memory_mb": "memory",
    "partition_mb": "partition-size",
    "files": "partitions",
}
_NOTES: dict[Axis, str] = {
    "batch_size": "Small batches pay each batch's overhead, large ones leave the processor's caches.",
    "memory_mb": (
        "On Lambda memory buys processor time, one processor for each 1,769 MB, so that more memory is often "
        "faster at the same cost, until the work has no use for it."
    ),
    "partition_mb": "A partition goes to one rank as a whole; ranks with one more make the others wait.",
    "files": "The more partitions, the more galaxies; ranks with one more make the others wait.",
}


def batches(rows: Sequence[Row]) -> Picture | None:
    """Time and cost against batch size."""
    return _time_and_cost(rows, "batch_size")


def memory(rows: Sequence[Row]) -> Picture | None:
    """Time and cost against memory: the picture of AWS Lambda Power Tuning."""
    return _time_and_cost(rows, "memory_mb")


def partition_size(rows: Sequence[Row]) -> Picture | None:
    """Time and cost against the size of a partition."""
    return _time_and_cost(rows, "partition_mb")


def files(rows: Sequence[Row]) -> Picture | None:
    """Time and cost against the number of partitions."""
    return _time_and_cost(rows, "files")


def _time_and_cost(rows: Sequence[Row], axis: Axis) -> Picture | None:
    groups = {value: comparable(group) for value, group in along(rows, axis).items()}
    if len(groups) < 2:
        return None
    values = list(groups)
    together = [row for group in groups.values() for row in group]
    times = [median([row["duration_s"] for row in group]) for group in groups.values()]
    costs = [median([row["cost_usd"] * 1000 for row in group]) for group in groups.values()]
    figure, axes = canvas(3.4)
    _line(axes, values, times, label="time", colour=BLUE, fmt="o-")
    if axis == "memory_mb" and not any(row["samples"] for row in together):
        axes.plot(list(MEMORY_S), list(MEMORY_S.values()), color=GREEN, marker="^", ls=":", label="course")
    axes.set(xlabel=AXES[axis], ylabel="time (s), solid", ylim=(0, None))
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    right.tick_params(labelsize=9)
    _line(right, values, costs, label="cost", colour=RED, fmt="s--")
    right.set_ylabel("cost (thousandths of a dollar), dashed", fontsize=9)
    right.set_ylim(0, None)
    log_ticks(axes, values)
    handles, labels = axes.get_legend_handles_labels()
    more = right.get_legend_handles_labels()
    axes.legend(
        [*handles, *more[0]], [*labels, *more[1]], frameon=False, fontsize=8, ncols=3, loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
    )  # fmt: skip
    fastest, cheapest = values[_lowest(times)], values[_lowest(costs)]
    body = [
        [value, time.runs, time.value, *time.interval, cost.value / 1000]
        for value, time, cost in zip(values, times, costs, strict=True)
    ]
    return Picture(
        _NAMES[axis],
        _TITLES[axis],
        f"Medians of an execution with 95 % intervals. Fastest with {fastest:,}, cheapest with {cheapest:,}. "
        f"{_NOTES[axis]} The same for all: {held(together, axis)}.",
        figure,
        (AXES[axis], "runs", "median s", "95 % from", "to", "cost $"),
        body,
        f"Two lines over {AXES[axis]}, time and cost. "
        + "; ".join(f"{line[0]:,}: {time.value:.2f} s" for line, time in zip(body, times, strict=True))
        + ".",
    )  # fmt: skip


def _line(
    axes: Axes, values: Sequence[float], found: Sequence[Estimate], *, label: str, colour: str, fmt: str
) -> None:
    axes.errorbar(
        values,
        [item.value for item in found],
        yerr=np.array([item.error_bar for item in found]).T,
        capsize=2,
        linewidth=1.4,
        markersize=5,
        label=label,
        color=colour,
        fmt=fmt,
    )


def _lowest(found: Sequence[Estimate]) -> int:
    return min(range(len(found)), key=lambda index: found[index].value)
