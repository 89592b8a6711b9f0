"""How far a proposed setting's prediction was off, once it was run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.model.observations import observation
from cosmic_fmi.experiment.model.prediction import Prediction
from cosmic_fmi.experiment.model.scaling import PARTS
from cosmic_fmi.experiment.results.groups import Row, usable
from cosmic_fmi.experiment.results.statistics import Estimate, median
from cosmic_fmi.experiment.ui.tables import shown

HEAD = ("", "predicted", "measured", "off by")


@dataclass(frozen=True)
class Outcome:
    """A prediction and the medians of the runs that were made with its setting."""

    prediction: Prediction
    seconds: Estimate
    cost_usd: Estimate
    parts: dict[str, float]

    def lines(self) -> list[tuple[str, float, float, float]]:
        """(what, predicted, measured, relative error) of time, cost, and each part of the time.

        A part's error is relative to the whole time, so that the parts' errors add up to the whole's.
        """
        whole, paid = self.seconds.value, self.cost_usd.value
        parts = [
            (
                f"  {part} (s)",
                self.prediction.parts[part],
                spent,
                (self.prediction.parts[part] - spent) / whole,
            )
            for part, spent in self.parts.items()
        ]
        return [
            ("time (s)", self.prediction.seconds, whole, self.prediction.seconds / whole - 1),
            ("cost ($)", self.prediction.cost_usd, paid, self.prediction.cost_usd / paid - 1),
            *parts,
        ]


def outcome(prediction: Prediction, rows: Iterable[Row]) -> Outcome | None:
    """What the runs with this setting took; None when none of them succeeded."""
    settings = prediction.settings
    made = [
        row
        for row in usable(rows)
        if (row["world_size"], row["batch_size"]) == (settings.world_size, settings.batch_size)
    ]
    if not made:
        return None
    found = [observation(row).seconds for row in made]
    parts = {
        part: median([seconds[part] for seconds in found]).value
        for part in PARTS
        if all(part in seconds for seconds in found)
    }
    times, costs = [row["duration_s"] for row in made], [row["cost_usd"] for row in made]
    return Outcome(prediction, median(times), median(costs), parts)


def proposals(found: Sequence[Prediction], shown_at_most: int = 5) -> Table:
    """The best settings, the proposed one first."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("world", "memory MB", "batch", "time s", "cost $", "off by about"):
        table.add_column(name, justify="right")
    for one in found[:shown_at_most]:
        settings = one.settings
        table.add_row(
            *(f"{number:,}" for number in (settings.world_size, settings.memory_mb, settings.batch_size)),
            f"{one.seconds:.1f}",
            shown(one.cost_usd),
            f"{one.error:.0%}",
        )
    return table


def outcome_table(found: Outcome) -> Table:
    """Predicted beside measured."""
    table = Table(box=box.SIMPLE_HEAD)
    for index, name in enumerate(HEAD):
        table.add_column(name, justify="right" if index else "left")
    for name, predicted, measured, off in found.lines():
        table.add_row(name, shown(predicted), shown(measured), f"{off:+.0%}")
    return table


def write_outcome(found: Outcome, source: str, path: Path) -> None:
    """Keep it as JSON beside the runs."""
    settings = found.prediction.settings
    content = {
        "settings": {
            "world_size": settings.world_size,
            "memory_mb": settings.memory_mb,
            "batch_size": settings.batch_size,
            "galaxies": settings.galaxies,
            "partitions": settings.partitions,
        },
        "model": source,
        "runs": found.seconds.runs,
        "lines": [
            dict(zip(("what", "predicted", "measured", "off_by"), line, strict=True))
            for line in found.lines()
        ],
    }
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
