"""Predicted against true redshift, and the residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cosmic_fmi.experiment.report.pictures.canvas import Cell, Picture, canvas
from cosmic_fmi.experiment.results.groups import Row
from cosmic_fmi.experiment.ui.tables import is_number
from inference import plots
from inference.core.validity import Flag
from inference.metrics import Residuals

Redshifts = npt.NDArray[np.float64]

METRICS = {"MAE": "MAE", "MSE": "MSE", "Precision": "NMAD", "Bias": "bias", "R2": "R²"}
"""Metrics by their key in a result, and as astronomers call them."""


def redshifts(rows: Sequence[Row], predictions: pa.Table) -> list[Picture]:
    """The pictures of the latest run that knows true redshifts."""
    for row in sorted(rows, key=lambda row: str(row["started_at"]), reverse=True):
        of_run = predictions.filter(pc.equal(predictions["run_id"], row["run_id"]))
        true = of_run["z_true"].to_numpy(zero_copy_only=False).astype(float)
        predicted = of_run["z_pred"].to_numpy(zero_copy_only=False).astype(float)
        known = np.isfinite(true) & np.isfinite(predicted) & ~_flagged(of_run)
        if known.any():
            name, true, predicted = str(row["run_id"]), true[known], predicted[known]
            residuals = _residuals(name, true, predicted)
            return [_scatter(name, true, predicted, row["metrics"]), *([residuals] if residuals.body else [])]
    return []


def _flagged(predictions: pa.Table) -> npt.NDArray[np.bool_]:
    """Which predictions the metrics leave out, by the bits of `inference.core.validity.Flag`."""
    if "flags" not in predictions.column_names:
        return np.zeros(predictions.num_rows, bool)
    flags = pc.fill_null(predictions["flags"], 0).to_numpy(zero_copy_only=False)
    return np.asarray((flags & ~int(Flag.REDSHIFT)) != 0)


def _scatter(run_id: str, true: Redshifts, predicted: Redshifts, metrics: Mapping[str, Any]) -> Picture:
    figure, axes = canvas(4.6, 4.6)
    # As an image also in the SVG: a million galaxies as shapes would make it unusable.
    axes.hexbin(
        true, predicted, gridsize=60, mincnt=1, bins="log", cmap="viridis", linewidths=0, rasterized=True
    )
    plots.draw_diagonal(axes, true, predicted)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    body: list[list[Cell]] = [
        [label, metrics[key]] for key, label in METRICS.items() if is_number(metrics.get(key))
    ]
    body += [
        [f"outliers beyond {limit:g}, %", 100 * plots.outlier_fraction(true, predicted, limit)]
        for limit in plots.OUTLIERS
    ]
    return Picture(
        "predictions",
        "Predicted against true redshift",
        f"The {len(true):,} galaxies of run {run_id} with a known redshift, yellow where they are many; on "
        "the red line the prediction is exact. NMAD, which results call Precision, is 1.48 times the median "
        "deviation of Δz/(1+z) from its median.",
        figure,
        ("metric", "value"),
        body,
        f"Density of {len(true):,} galaxies along the diagonal. "
        + ", ".join(f"{line[0]} {line[1]:.4f}" for line in body)
        + ".",
    )


def _residuals(run_id: str, true: Redshifts, predicted: Redshifts) -> Picture:
    figure, axes = canvas(3.0)
    plots.draw_residuals(axes, true, predicted)
    along = plots.running(true, Residuals.of(predicted, true).scaled)
    body: list[list[Cell]] = [list(line) for line in zip(*(column.tolist() for column in along), strict=True)]
    return Picture(
        "residuals",
        "Residuals against redshift",
        f"Δz/(1+z) of the galaxies of run {run_id}: a point each, their running median (the bias at that "
        f"redshift) and NMAD, where a bin has at least {plots.FEWEST} galaxies.",
        figure,
        ("redshift", "median Δz/(1+z)", "NMAD", "galaxies"),
        body,
        "Residuals around zero; the table has their medians.",
    )
