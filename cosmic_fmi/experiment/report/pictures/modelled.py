"""The scaling model beside the runs it was fitted to."""

from __future__ import annotations

from collections.abc import Sequence

from cosmic_fmi.experiment.model.observations import observation
from cosmic_fmi.experiment.model.scaling import ScalingModel
from cosmic_fmi.experiment.report.pictures.canvas import BLUE, GREY, Cell, Picture, canvas
from cosmic_fmi.experiment.results.groups import Row, by_setting
from cosmic_fmi.experiment.results.statistics import median


def model_fit(rows: Sequence[Row], model: ScalingModel) -> Picture | None:
    """Predicted against measured time, one point a setting."""
    groups = by_setting(rows)
    if len(groups) < 2:
        return None
    figure, axes = canvas(3.6, 4.2)
    body: list[list[Cell]] = []
    most = 0.0
    for setting, group in groups.items():
        time = median([row["duration_s"] for row in group])
        predicted = median([model.seconds(observation(row, model.cores).settings) for row in group]).value
        axes.errorbar(
            predicted,
            time.value,
            yerr=[[part] for part in time.error_bar],
            color=BLUE,
            marker="o",
            capsize=2,
            ms=4,
        )
        most = max(most, 1.08 * time.high, 1.08 * predicted)
        body.append([str(setting), time.runs, time.value, predicted, predicted / time.value - 1])
    axes.plot([0, most], [0, most], color=GREY, linewidth=1, zorder=0)
    axes.set(xlabel="time by the model (s)", ylabel="measured time (s)", xlim=(0, most), ylim=(0, most))
    return Picture(
        "model",
        "The model beside the runs",
        f"Fitted to {model.source}: {model.error}. On the grey line the model is exact.",
        figure,
        ("setting", "runs", "measured s", "model s", "model off by"),
        body,
    )
