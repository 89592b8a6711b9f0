"""The report's pictures, drawn from an experiment's rows, and kept as PNG, SVG and CSV.

pareto.py                         time against cost of every setting
times.py   costs.py   tuning.py   time, cost, and both against batch size, memory and partitions
timeline.py                       each rank from the start of the execution
predictions.py                    redshifts
modelled.py   beside_published.py   the scaling model, and figures of the course, beside the runs
canvas.py                         colours and axes of them all
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import pyarrow as pa

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.model.scaling import ScalingModel
from cosmic_fmi.experiment.report.pictures import (
    beside_published,
    costs,
    modelled,
    pareto,
    predictions,
    timeline,
    times,
    tuning,
)
from cosmic_fmi.experiment.report.pictures.canvas import Picture
from cosmic_fmi.experiment.results.groups import Row, usable

_DOTS_PER_INCH = 160


def pictures(
    rows: Sequence[Row], ranks: Sequence[Row], redshifts: pa.Table, model: ScalingModel | None = None
) -> list[Picture]:
    """Every picture for which these results have data, in the report's order."""
    good = usable(rows)
    drawn = [
        pareto.time_against_cost(good),
        times.time_by_world_size(good),
        times.speedup(good),
        tuning.batches(good),
        tuning.memory(good),
        tuning.partition_size(good),
        tuning.files(good),
        timeline.timeline(good, ranks),
        costs.costs(good),
        *predictions.redshifts(good, redshifts),
        beside_published.world_without_data(good),
        beside_published.inference(good, ranks),
        modelled.model_fit(good, model) if model else None,
    ]
    return [picture for picture in drawn if picture is not None]


def save(drawn: Iterable[Picture], folder: Path) -> dict[str, Path]:
    """Write ``<name>.png``, ``.svg`` and ``.csv`` of each picture below ``folder``; the PNG files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for picture in drawn:
        paths[picture.name] = folder / f"{picture.name}.png"
        write_atomically(paths[picture.name], _image(picture, "png"))
        picture.figure.set_layout_engine("none")  # it is laid out: again for the SVG would double the time
        # Text stays text, to be edited; without the date equal results give equal files.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": picture.name}):
            write_atomically(folder / f"{picture.name}.svg", _image(picture, "svg", metadata={"Date": None}))
        write_atomically(folder / f"{picture.name}.csv", _csv(picture).encode())
    return paths


def _image(picture: Picture, kind: str, metadata: dict[str, None] | None = None) -> bytes:
    image = io.BytesIO()
    picture.figure.savefig(image, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    return image.getvalue()


def _csv(picture: Picture) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(picture.head)
    writer.writerows(picture.body)
    return text.getvalue()
