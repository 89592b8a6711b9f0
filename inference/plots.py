"""Predicted against true redshift, as the course draws it; Matplotlib is imported when a plot is made."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.metrics import Metrics

Array = npt.NDArray[np.float64]


def scatter(truth: Array, predicted: Array, metrics: Metrics, path: Path) -> None:
    """Write a PNG: one point an object, coloured by how many lie near it, with the identity line.

    truth and predicted are [N]; rows with an unknown (NaN) truth or without a finite prediction are
    left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = ~np.isnan(truth) & np.isfinite(predicted)
    truth, predicted = truth[known], predicted[known]
    density = local_density(truth, predicted)
    order = np.argsort(density)  # the dense middle is drawn last, on top
    figure = Figure(figsize=(6, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = axes.scatter(truth[order], predicted[order], c=density[order], s=6, cmap="viridis", linewidths=0)
    both = np.concatenate([truth, predicted, [0.0]])
    limits = float(both.min()), float(both.max()) * 1.03 + 1e-3
    axes.plot(limits, limits, color="crimson", linewidth=1, label="identity")
    axes.set(
        xlim=limits, ylim=limits, xlabel="spectroscopic redshift", ylabel="predicted redshift", aspect="equal"
    )
    axes.set_title(_title(metrics), fontsize=9)
    axes.legend(loc="upper left", frameon=False)
    figure.colorbar(points, ax=axes, label="objects nearby")
    figure.savefig(path, dpi=150)


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
