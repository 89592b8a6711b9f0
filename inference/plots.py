"""Predicted against true redshift, and the residuals; Matplotlib is imported when a plot is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.metrics import Metrics, Residuals, nmad

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]
OUTLIERS = (0.05, 0.15)
"""|dz|/(1+z) beyond which a galaxy counts as an outlier: for SDSS (Pasquet et al. 2019, A&A 621, A26), and
for photometric surveys in general (Hildebrandt et al. 2010, A&A 523, A31)."""
BINS = 12
FEWEST = 10
"""A bin with fewer galaxies has no running median: its NMAD would say nothing."""


class Running(NamedTuple):
    """Residuals along one axis, [bins]: the bins' middles, medians, NMADs and numbers of galaxies."""

    middle: Array
    median: Array
    nmad: Array
    galaxies: npt.NDArray[np.int64]


def scatter(truth: Array, predicted: Array, metrics: Metrics, path: Path) -> None:
    """Write a PNG: one point an object, coloured by how many lie near it, and below it the residuals.

    truth and predicted are [N]; rows with an unknown (NaN) truth or without a finite prediction are
    left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = ~np.isnan(truth) & np.isfinite(predicted)
    truth, predicted = truth[known], predicted[known]
    figure = Figure(figsize=(6, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=(5, 2))
    density = local_density(truth, predicted)
    order = np.argsort(density)  # the dense middle is drawn last, on top
    points = above.scatter(
        truth[order], predicted[order], c=density[order], s=6, cmap="viridis", linewidths=0
    )
    draw_diagonal(above, truth, predicted)
    above.set_title(_title(metrics), fontsize=9)
    above.legend(loc="upper left", frameon=False, fontsize=8)
    figure.colorbar(points, ax=above, label="objects nearby")
    draw_residuals(below, truth, predicted)
    figure.savefig(path, dpi=150)


def draw_diagonal(axes: Axes, truth: Array, predicted: Array) -> None:
    """The line of exact predictions, and those beyond which galaxies are outliers, with their fractions."""
    both = np.concatenate([truth, predicted, [0.0]])
    low, high = float(both.min()), float(both.max()) * 1.03 + 1e-3
    line = np.array([max(low, 0.0), high])
    axes.plot(line, line, color="crimson", linewidth=1, label="exact")
    for limit, style in zip(OUTLIERS, ("--", ":"), strict=True):
        label = f"|Δz|/(1+z) = {limit:g}, {outlier_fraction(truth, predicted, limit):.1%} beyond"
        axes.plot(line, line + limit * (1 + line), color="0.35", linestyle=style, linewidth=0.9, label=label)
        axes.plot(line, line - limit * (1 + line), color="0.35", linestyle=style, linewidth=0.9)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set(xlabel="spectroscopic redshift", ylabel="predicted redshift")


def draw_residuals(axes: Axes, truth: Array, predicted: Array) -> None:
    """Residuals against redshift, with their running median and NMAD."""
    scaled = Residuals.of(predicted, truth).scaled
    along = running(truth, scaled)
    axes.scatter(truth, scaled, s=3, color="0.75", linewidths=0, rasterized=True)
    axes.axhline(0.0, color="crimson", linewidth=1)
    axes.plot(
        along.middle, along.median, color="#0072B2", marker="o", markersize=3, linewidth=1, label="median"
    )
    axes.fill_between(
        along.middle, along.median - along.nmad, along.median + along.nmad,
        color="#0072B2", alpha=0.25, linewidth=0, label="± NMAD",
    )  # fmt: skip
    limit = max(OUTLIERS[0], 4 * float(np.max(along.nmad, initial=0.0)))
    axes.set(ylim=(-limit, limit), xlabel="spectroscopic redshift", ylabel="Δz/(1+z)")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")


def outlier_fraction(truth: Array, predicted: Array, limit: float) -> float:
    """The part of the galaxies with |dz|/(1+z) above a limit; 0 of none."""
    if not len(truth):
        return 0.0
    return float(np.mean(np.abs(Residuals.of(predicted, truth).scaled) > limit))


def running(along: Array, scaled: Array) -> Running:
    """Median and NMAD of the residuals in bins of equal width, without bins of fewer than FEWEST galaxies."""
    if not len(along):
        return Running(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64))
    edges = np.linspace(float(along.min()), float(along.max()) + 1e-9, BINS + 1)
    which = np.clip(np.digitize(along, edges) - 1, 0, BINS - 1)
    counts = np.bincount(which, minlength=BINS)
    kept = np.flatnonzero(counts >= FEWEST)
    middle = (edges[:-1] + edges[1:]) / 2
    return Running(
        middle[kept],
        np.array([np.median(scaled[which == index]) for index in kept]),
        np.array([nmad(scaled[which == index]) for index in kept]),
        counts[kept],
    )


def local_density(x: Array, y: Array, bins: int = 60) -> Array:
    """How many points share each point's cell of a bins x bins grid, [N]."""
    counts, *edges = np.histogram2d(x, y, bins=bins)
    cells = [
        np.clip(np.searchsorted(edge, values, side="right") - 1, 0, bins - 1)
        for edge, values in zip(edges, (x, y), strict=True)
    ]
    return np.asarray(counts[cells[0], cells[1]])


def _title(metrics: Metrics) -> str:
    named = [("MAE", metrics.mae), ("NMAD", metrics.precision), ("bias", metrics.bias), ("R²", metrics.r2)]
    figures = ", ".join(f"{name} {value:.4f}" for name, value in named if value is not None)
    return f"{metrics.num_samples} galaxies: {figures}"
