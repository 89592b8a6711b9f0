"""What an execution costs, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from cosmic_fmi.experiment.report.pictures.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    Picture,
    canvas,
)
from cosmic_fmi.experiment.results.groups import Row, along, comparable, held

ITEMS = {
    "lambda_compute": ("Lambda time", BLUE),
    "lambda_storage": ("Lambda storage", SKY),
    "lambda_requests": ("Lambda requests", GREY),
    "step_functions": ("Step Functions", ORANGE),
    "s3_requests": ("S3 requests", GREEN),
    "s3_storage": ("S3 storage", YELLOW),
    "log_ingestion": ("logs", PURPLE),
    "rendezvous": ("rendezvous (Fargate)", RED),
}
"""Label and colour of each item of a bill."""


def costs(rows: Sequence[Row]) -> Picture | None:
    """One bar a world size, split by item; everything else equal."""
    groups = {world: comparable(group) for world, group in along(rows, "world_size").items()}
    if not groups:
        return None
    figure, axes = canvas(1.7 + 0.36 * len(groups))
    left = np.zeros(len(groups))
    columns = {}
    for key, (label, colour) in ITEMS.items():
        found = [median([row["cost_breakdown"].get(key, 0.0) for row in group]) for group in groups.values()]
        if any(found):
            columns[label] = found
            widths = np.array(found) * 1000
            axes.barh(
                range(len(groups)), widths, left=left, label=label, color=colour, height=0.62, ec="white"
            )
            left += widths
    axes.set_yticks(range(len(groups)), [f"{world:,}" for world in groups])
    axes.invert_yaxis()
    axes.set(xlabel="cost of one execution (thousandths of a dollar)", ylabel="world size")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    totals = [median([row["cost_usd"] for row in group]) for group in groups.values()]
    body = [
        [world, total, *(found[index] for found in columns.values())]
        for index, (world, total) in enumerate(zip(groups, totals, strict=True))
    ]
    together = [row for group in groups.values() for row in group]
    return Picture(
        "cost",
        "What an execution costs",
        "Median of each item by world size, of warm runs where there are any. "
        f"The same for all: {held(together, 'world_size')}.",
        figure,
        ("world size", "total $", *(f"{label} $" for label in columns)),
        body,
        "Stacked bars of cost. "
        + "; ".join(f"world {world}: ${total:.6f}" for world, total in zip(groups, totals, strict=True))
        + ".",
    )
