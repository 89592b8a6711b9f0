"""The report's figures, drawn from an experiment's rows. Each function gives None where there is nothing to
draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiment.published import FMI_TOTAL_S

Rows = Sequence[Mapping[str, Any]]

_PHASES = {
    "init_s": ("initialize", "#8ecae6"),
    "map_s": ("ranks", "#1d6fa5"),
    "summarize_s": ("summarize", "#f4a259"),
}
_RANK_PHASES = {
    "cold start": "#b9b9c6",
    "download": "#8ecae6",
    "import": "#d7c0ec",
    "setup": "#b58bd9",
    "inference": "#1d6fa5",
    "reduce": "#f4a259",
    "other": "#dddddd",
}
_COSTS = {
    "lambda_compute": ("Lambda time", "#1d6fa5"),
    "lambda_storage": ("Lambda storage", "#60a3d9"),
    "lambda_requests": ("Lambda requests", "#8ecae6"),
    "step_functions": ("Step Functions", "#f4a259"),
    "s3_requests": ("S3 requests", "#7cb518"),
    "log_ingestion": ("logs", "#b58bd9"),
    "rendezvous": ("rendezvous (Fargate)", "#e76f51"),
}


def figures(rows: Rows, ranks: Rows, predictions: pa.Table) -> dict[str, Figure]:
    """Every figure that these results allow, by name."""
    good = [row for row in rows if row["status"] == "succeeded"]
    drawn: dict[str, Callable[[], Figure | None]] = {
        "time": lambda: time_by_world_size(good),
        "speedup": lambda: speedup(good),
        "timeline": lambda: timeline(good, ranks),
        "cost": lambda: costs(rows),
        "predictions": lambda: prediction_scatter(good, predictions),
        "published": lambda: beside_published(good),
    }
    return {name: figure for name, draw in drawn.items() if (figure := draw()) is not None}


def save(drawn: Mapping[str, Figure], folder: Path) -> dict[str, Path]:
    """Write each figure as ``<name>.png`` below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, figure in drawn.items():
        paths[name] = folder / f"{name}.png"
        figure.savefig(paths[name], dpi=150)
    return paths


# --- grouping -------------------------------------------------------------------------------------


def by_setting(rows: Rows) -> dict[tuple[int, int | None, int], list[Mapping[str, Any]]]:
    """Runs with equal (world size, batch size, memory), in that order."""
    groups: dict[tuple[int, int | None, int], list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["memory_mb"], row["batch_size"] or 0, row["world_size"])):
        groups.setdefault((row["world_size"], row["batch_size"], row["memory_mb"]), []).append(row)
    return groups


def _labels(settings: Iterable[tuple[int, int | None, int]]) -> list[str]:
    """Short names that mention only what differs between the settings."""
    settings = list(settings)
    many_batches = len({batch for _, batch, _ in settings}) > 1
    many_memories = len({memory for _, _, memory in settings}) > 1
    return [
        str(world)
        + (f"\nbatch {batch}" if many_batches else "")
        + (f"\n{memory} MB" if many_memories else "")
        for world, batch, memory in settings
    ]


def _series(rows: Rows, key: str) -> dict[str, tuple[list[int], list[float]]]:
    """Medians of ``key`` over the world size, one line for each batch and memory size."""
    lines: dict[str, tuple[list[int], list[float]]] = {}
    for (world, batch, memory), group in by_setting(rows).items():
        values = [row[key] for row in group if row[key] is not None]
        if values:
            xs, ys = lines.setdefault(f"batch {batch or '-'}, {memory} MB", ([], []))
            xs.append(world)
            ys.append(median(values))
    return lines


def _figure(height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.0, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


# --- figures --------------------------------------------------------------------------------------


def time_by_world_size(rows: Rows) -> Figure | None:
    """Median time of an execution with its phases stacked, one bar a setting."""
    groups = by_setting(rows)
    if not groups:
        return None
    figure, axes = _figure()
    bottom = np.zeros(len(groups))
    for key, (label, colour) in _PHASES.items():
        heights = np.array([median([row[key] or 0.0 for row in group]) for group in groups.values()])
        axes.bar(range(len(groups)), heights, bottom=bottom, label=label, color=colour, width=0.6)
        bottom += heights
    totals = np.array([median([row["duration_s"] for row in group]) for group in groups.values()])
    axes.bar(
        range(len(groups)),
        np.maximum(totals - bottom, 0),
        bottom=bottom,
        label="between states",
        color="#dddddd",
        width=0.6,
    )
    for position, value in enumerate(np.maximum(totals, bottom)):
        axes.text(position, value, f"{value:.2f}", ha="center", va="bottom")
    axes.set_xticks(range(len(groups)), _labels(groups))
    axes.set(xlabel="world size (functions)", ylabel="time (s)")
    axes.margins(y=0.12)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    return figure


def speedup(rows: Rows) -> Figure | None:
    """Speed-up against the smallest world size (left) and efficiency (right), of the whole and of the map
    phase.
    """
    lines = {
        (name, label): points
        for name, label in (("duration_s", "execution"), ("map_s", "ranks only"))
        for points in _series(rows, name).values()
        if len(points[0]) > 1
    }
    if not lines:
        return None
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    worlds = sorted({world for points in lines.values() for world in points[0]})
    ideal = [world / worlds[0] for world in worlds]
    left.plot(worlds, ideal, color="#999999", linestyle=":", label="ideal")
    right.axhline(1.0, color="#999999", linestyle=":")
    for (name, label), (xs, ys) in lines.items():
        gain = np.array([ys[0] / y if y > 0 else np.nan for y in ys])
        style = {"color": "#1d6fa5" if name == "duration_s" else "#f4a259", "marker": "o", "label": label}
        left.plot(xs, gain, **style)
        right.plot(xs, gain / (np.array(xs) / xs[0]), **style)
    left.set(xlabel="world size", ylabel=f"speed-up over {worlds[0]}", ylim=(0, None))
    right.set(xlabel="world size", ylabel="efficiency", ylim=(0, None))
    for axes in (left, right):
        axes.set_xticks(worlds)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    return figure


def timeline(rows: Rows, ranks: Rows) -> Figure | None:
    """What each rank of the largest run did when, from the start of the execution; cold starts in grey."""
    chosen = max(rows, key=lambda row: row["world_size"], default=None)
    if chosen is None:
        return None
    lanes = sorted(
        (row for row in ranks if row["run_id"] == chosen["run_id"]), key=lambda row: int(row["rank"])
    )
    lanes = [row for row in lanes if value(row, "started_at") is not None]
    if not lanes:
        return None
    figure, axes = _figure(height=max(2.4, min(9.0, 1.4 + 0.3 * len(lanes))))
    seen: set[str] = set()
    for lane, row in enumerate(lanes):
        for label, start, length in rank_spans(row):
            axes.barh(
                lane,
                length,
                left=start,
                height=0.7,
                color=_RANK_PHASES[label],
                label=None if label in seen else label,
            )
            seen.add(label)
    every = -(-len(lanes) // 40)  # more labels than that run into each other
    axes.set_yticks(range(0, len(lanes), every), [str(row["rank"]) for row in lanes[::every]])
    axes.invert_yaxis()
    axes.set(
        xlabel=f"seconds since the execution started (run {chosen['run_id']})", ylabel="rank", xlim=(0, None)
    )
    axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def rank_spans(row: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """(phase, start, length) in seconds since the execution started, in the order in which they happen."""
    begin = (value(row, "started_at") or 0.0) - (value(row, "execution_started_at") or 0.0)
    end = (value(row, "ended_at") or 0.0) - (value(row, "execution_started_at") or 0.0)
    cold = (value(row, "report.init_ms") or 0.0) / 1000
    spans = [("cold start", begin - cold, cold)] if cold else []
    lengths = [("download", value(row, "download_seconds") or 0.0)]
    lengths += [
        (name, value(row, f"phases.{name}") or 0.0)
        for name in ("import", "setup", "download", "inference", "reduce")
    ]
    at = begin
    for name, length in lengths:
        shown = min(length, max(0.0, end - at))
        if shown > 0:
            spans.append((name, at, shown))
            at += shown
    if end - at > 0.005:
        spans.append(("other", at, end - at))
    return spans


def costs(rows: Rows) -> Figure | None:
    """Median cost of an execution by item, one bar a setting."""
    groups = by_setting(rows)
    if not groups:
        return None
    figure, axes = _figure(height=1.6 + 0.5 * len(groups))
    left = np.zeros(len(groups))
    for key, (label, colour) in _COSTS.items():
        widths = np.array(
            [median([row["cost_breakdown"].get(key, 0.0) for row in group]) for group in groups.values()]
        )
        if widths.any():
            axes.barh(
                range(len(groups)), widths * 1000, left=left * 1000, label=label, color=colour, height=0.6
            )
        left += widths
    axes.set_yticks(range(len(groups)), [label.replace("\n", ", ") for label in _labels(groups)])
    axes.invert_yaxis()
    axes.set(xlabel="cost of one execution (thousandths of a dollar)", ylabel="world size")
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def prediction_scatter(rows: Rows, predictions: pa.Table) -> Figure | None:
    """Predicted against true redshift of the latest run that has both, with its metrics."""
    for row in reversed(rows):
        of_run = predictions.filter(pc.equal(predictions["run_id"], row["run_id"]))
        true = of_run["z_true"].to_numpy(zero_copy_only=False).astype(float)
        predicted = of_run["z_pred"].to_numpy(zero_copy_only=False).astype(float)
        known = np.isfinite(true) & np.isfinite(predicted)
        if known.any():
            return _scatter(true[known], predicted[known], row["metrics"])
    return None


def _scatter(true: np.ndarray, predicted: np.ndarray, metrics: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(5.4, 5.0), layout="constrained")
    axes = figure.subplots()
    top = float(max(true.max(), predicted.max())) * 1.05
    axes.plot([0, top], [0, top], color="#999999", linewidth=1)
    axes.scatter(true, predicted, s=7, alpha=0.45, color="#1d6fa5", edgecolors="none")
    axes.set(xlabel="true redshift", ylabel="predicted redshift", xlim=(0, top), aspect="equal")
    names = {"MAE": "MAE", "Precision": "NMAD", "Bias": "bias", "R2": "R²"}
    lines = [f"{len(true):,} galaxies"]
    lines += [
        f"{label} {metrics[key]:.4f}"
        for key, label in names.items()
        if isinstance(metrics.get(key), int | float)
    ]
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def beside_published(rows: Rows) -> Figure | None:
    """Our total time over the world size beside the course's FMI step function; both without data."""
    ours = _series([row for row in rows if row["mode"] == "script" and not row["samples"]], "duration_s")
    if not ours:
        return None
    figure, axes = _figure()
    for label, (xs, ys) in ours.items():
        axes.plot(xs, ys, marker="o", linewidth=2, label=f"this experiment, {label}")
    for label, points in FMI_TOTAL_S.items():
        axes.plot(
            list(points),
            list(points.values()),
            marker="s",
            linestyle="--",
            linewidth=1,
            label=f"{label}, no data",
        )
    axes.set(xlabel="world size (functions)", ylabel="total time (s)", ylim=(0, None))
    axes.set_xscale("log", base=2)
    ticks = sorted({world for xs, _ in ours.values() for world in xs} | {2, 4, 8, 16, 32, 50})
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize="small")
    return figure


def value(row: Mapping[str, Any], key: str) -> float | None:
    """A number of a rank's row, which holds text when it was read back from ranks.csv; None for an empty
    cell.
    """
    found = row.get(key)
    return None if found in (None, "") else float(found)
