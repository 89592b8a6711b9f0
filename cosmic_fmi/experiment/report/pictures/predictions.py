"""Predicted against true redshift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cosmic_fmi.experiment.report.pictures.canvas import BLUE, GREY, Picture, canvas
from cosmic_fmi.experiment.results.groups import Row
from cosmic_fmi.experiment.ui.tables import is_number
from inference.core.validity import Flag

METRICS = {"MAE": "MAE", "MSE": "MSE", "Precision": "NMAD", "Bias": "bias", "R2": "R²"}
"""Metrics by their key in a result, and as astronomers call them."""


def scatter(rows: Sequence[Row], predictions: pa.Table) -> Picture | None:
    """Of the latest run that knows true redshifts."""
    for row in sorted(rows, key=lambda row: str(row["started_at"]), reverse=True):
        of_run = predictions.filter(pc.equal(predictions["run_id"], row["run_id"]))
        true = of_run["z_true"].to_numpy(zero_copy_only=False).astype(float)
        predicted = of_run["z_pred"].to_numpy(zero_copy_only=False).astype(float)
        known = np.isfinite(true) & np.isfinite(predicted) & ~_flagged(of_run)
        if known.any():
            return _picture(str(row["run_id"]), true[known], predicted[known], row["metrics"])
    return None


def _flagged(predictions: pa.Table) -> npt.NDArray[np.bool_]:
    """Which predictions the metrics leave out, by the bits of `inference.core.validity.Flag`."""
    if "flags" not in predictions.column_names:
        return np.zeros(predictions.num_rows, bool)
    flags = pc.fill_null(predictions["flags"], 0).to_numpy(zero_copy_only=False)
    return np.asarray((flags & ~int(Flag.REDSHIFT)) != 0)


def _picture(
    run_id: str,
    true: npt.NDArray[np.float64],
    predicted: npt.NDArray[np.float64],
    metrics: Mapping[str, Any],
) -> Picture:
    figure, axes = canvas(4.4, 4.6)
    low, top = min(0.0, float(predicted.min())), float(max(true.max(), predicted.max())) * 1.05
    axes.plot([0, top], [0, top], color=GREY, linewidth=1)
    # Points as pixels also in the SVG: a million of them as shapes would make it unusable.
    axes.scatter(true, predicted, s=7, alpha=0.45, color=BLUE, edgecolors="none", rasterized=True)
    axes.set(
        xlabel="true redshift", ylabel="predicted redshift", xlim=(0, top), ylim=(low, top), aspect="equal"
    )
    body = [[label, metrics[key]] for key, label in METRICS.items() if is_number(metrics.get(key))]
    text = ", ".join(f"{label} {number:.4f}" for label, number in body)
    axes.text(
        0.03,
        0.98,
        "\n".join([f"{len(true):,} galaxies", *(f"{label} {number:.4f}" for label, number in body)]),
        transform=axes.transAxes,
        va="top",
        fontsize=9,
    )
    return Picture(
        "predictions",
        "Predicted against true redshift",
        f"Every galaxy of run {run_id} with a known redshift; on the grey line the prediction is exact. "
        "NMAD, which results call Precision, is 1.48 times the median deviation of Δz/(1+z) from its median.",
        figure,
        ("metric", "value"),
        body,
        f"Scatter of {len(true):,} galaxies along the diagonal. {text}.",
    )
