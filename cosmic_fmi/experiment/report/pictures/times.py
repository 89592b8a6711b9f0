"""Time against world size: where it goes, and what more functions gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cosmic_fmi.experiment.report.pictures.canvas import (
    BLUE,
    GREY,
    ORANGE,
    PHASES,
    WIDTH,
    Mark,
    Picture,
    bare,
    canvas,
    legend_above,
    log_ticks,
)
from cosmic_fmi.experiment.results.groups import Row, along, comparable, held, is_cold, warm
from cosmic_fmi.experiment.results.statistics import Estimate, median, ratio

RANKS = "ranks"
"""The phase of a run whose inside is not known: the whole Map."""


def phases_of(row: Row) -> dict[str, float]:
    """A run's seconds by phase, which add up to its duration."""
    if row["phases"]:
        return dict(row["phases"])
    found = {"init": row["init_s"] or 0.0, RANKS: row["map_s"] or 0.0, "summarize": row["summarize_s"] or 0.0}
    return found | {"other": max(0.0, row["duration_s"] - sum(found.values()))}


def stacked(axes: Axes, groups: Mapping[float, Sequence[Row]]) -> list[dict[str, float]]:
    """A bar for each group: the phases of its middle run, and the median with its interval on top."""
    bars = [_middle(group) for group in groups.values()]
    bottom = np.zeros(len(bars))
    for name, (label, colour) in {**PHASES, RANKS: ("ranks", BLUE)}.items():
        heights = np.array([bar.get(name, 0.0) for bar in bars])
        if heights.any():
            axes.bar(
                range(len(bars)),
                heights,
                bottom=bottom,
                label=label,
                color=colour,
                width=0.62,
                edgecolor="white",
                linewidth=0.5,
            )
        bottom += heights
    for position, group in enumerate(groups.values()):
        total = median([row["duration_s"] for row in group])
        _total(axes, position, total, float(bottom[position]))
    axes.set_xticks(range(len(groups)), [_tick(value, group) for value, group in groups.items()])
    axes.set(ylabel="time (s)")
    axes.margins(y=0.14)
    legend_above(axes)
    return bars


def _tick(value: float, group: Sequence[Row]) -> str:
    return f"{value:,}{' cold' if is_cold(group[0]) else ''}"


def _middle(group: Sequence[Row]) -> dict[str, float]:
    """The phases of the middle run, or the mean of the two in the middle: they add up to the median."""
    ordered = sorted(group, key=lambda row: row["duration_s"])
    middle = [phases_of(row) for row in ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]]
    names = dict.fromkeys(name for found in middle for name in found)
    return {name: float(np.mean([found.get(name, 0.0) for found in middle])) for name in names}


def _total(axes: Axes, position: int, total: Estimate, top: float) -> None:
    if total.runs > 1:
        axes.errorbar(
            position,
            total.value,
            yerr=[[part] for part in total.error_bar],
            color="black",
            capsize=3,
            linewidth=1,
        )
    axes.annotate(
        f"{total.value:.2f}",
        (position, max(total.high, top)),
        textcoords="offset points",
        xytext=(0, 2),
        ha="center",
        va="bottom",
        fontsize=8,
    )


def time_by_world_size(rows: Sequence[Row]) -> Picture | None:
    """Bars by world size, the phases stacked; of each size the warm runs, or else the cold ones."""
    groups = {world: comparable(group) for world, group in along(rows, "world_size").items()}
    if not groups:
        return None
    figure, axes = canvas(3.8)
    bars = stacked(axes, groups)
    axes.set(xlabel="world size (functions)")
    names = [name for name in (*PHASES, RANKS) if any(name in bar for bar in bars)]
    body = []
    for (world, group), bar in zip(groups.items(), bars, strict=True):
        total = median([row["duration_s"] for row in group])
        started = "cold" if is_cold(group[0]) else "warm"
        measured = (total.value, *total.interval)
        body.append([world, started, total.runs, *measured, *(bar.get(name) for name in names)])
    text = "; ".join(f"world {line[0]}, {line[1]}: {line[3]:.2f} s" for line in body)
    together = [row for group in groups.values() for row in group]
    return Picture(
        "time",
        "Time against world size",
        "The number over a bar is the median of the total, the black line its 95 % interval, the colours "
        "the phases of the middle run, along the rank that ended last; other is what no phase explains, "
        "such as the time between two states. Where a world size has warm runs only they count; cold "
        "ones are marked. "
        f"The same for all: {held(together, 'world_size')}.",
        figure,
        ("world size", "started", "runs", "median s", "95 % from", "to", *(f"{name} s" for name in names)),
        body,
        f"Stacked bars of the phases by world size. Medians: {text}.",
        [
            Mark(axes, position, line[3], f"world {line[0]}: {', '.join(row['run_id'] for row in group)}")
            for position, (line, group) in enumerate(zip(body, groups.values(), strict=True))
        ],
    )


def speedup(rows: Sequence[Row]) -> Picture | None:
    """Speed-up against the smallest world (left) and efficiency (right), of the whole and of the ranks.

    Only of warm runs: a cold start in one of two times says nothing about the number of functions.
    """
    groups = along(warm(rows), "world_size")
    if len(groups) < 2:
        return None
    worlds = list(groups)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(worlds, [world / worlds[0] for world in worlds], color=GREY, linestyle=":", label="ideal")
    right.axhline(1.0, color=GREY, linestyle=":")
    gains: dict[str, list[Estimate]] = {}
    for key, label, colour, marker in (
        ("duration_s", "execution", BLUE, "o"),
        ("map_s", "ranks only", ORANGE, "s"),
    ):
        gains[label] = [_gain(groups[worlds[0]], group, key) for group in groups.values()]
        ideal = np.array(worlds) / worlds[0]
        for axes, scale in ((left, np.ones(len(worlds))), (right, ideal)):
            axes.errorbar(
                worlds,
                [gain.value for gain in gains[label]] / scale,
                yerr=np.array([gain.error_bar for gain in gains[label]]).T / scale,
                color=colour, marker=marker, markersize=4, capsize=2, linewidth=1.2, label=label,
            )  # fmt: skip
    left.set(ylabel=f"speed-up over world {worlds[0]}", ylim=(0, None))
    right.set(ylabel="efficiency", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="world size")
        log_ticks(axes, worlds)
        bare(axes)
    figure.legend(
        *left.get_legend_handles_labels(), frameon=False, fontsize=8, ncols=3, loc="outside upper center"
    )
    body = [
        [world, whole.value, *whole.interval, inner.value, whole.value / (world / worlds[0])]
        for world, whole, inner in zip(worlds, gains["execution"], gains["ranks only"], strict=True)
    ]
    above = [line[0] for line in body if float(line[5] or 0.0) > 1.0]
    note = _doubt(above, worlds[0]) + (
        " These functions shared the cores of one machine: more of them are no faster than that machine."
        if rows[0]["target"] == "local"
        else ""
    )
    return Picture(
        "speedup",
        "Speed-up and efficiency",
        f"Median time with world size {worlds[0]} by median time with each world size, with 95 % intervals, "
        f"of warm runs; efficiency is that by the number of functions, where 1 is ideal.{note}",
        figure,
        ("world size", "speed-up", "95 % from", "to", "speed-up of the ranks", "efficiency"),
        body,
        "Lines. " + "; ".join(f"world {line[0]}: {line[1]:.2f} times as fast" for line in body) + ".",
    )


def _doubt(worlds: Sequence[float], smallest: float) -> str:
    """What to think of efficiencies above 1."""
    if not worlds:
        return ""
    named = ", ".join(f"{world:,}" for world in worlds)
    return (
        f" An efficiency above 1 (world {named}) is no gain of more functions: something slowed the runs of "
        f"world {smallest:,} down that the others were spared, or there are too few of them. Repeat with "
        "--runs 5."
    )


def _gain(base: Sequence[Row], group: Sequence[Row], key: str) -> Estimate:
    if group is base:
        return Estimate(1.0, 1.0, 1.0, len(base))
    return ratio([_above_zero(row[key]) for row in base], [_above_zero(row[key]) for row in group])


def _above_zero(seconds: float | None) -> float:
    return max(seconds or 0.0, 1e-3)  # Step Functions' clock counts milliseconds
