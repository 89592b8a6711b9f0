"""One run as it is kept: a row of the summary, rows of its ranks, a table of predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cosmic_fmi.experiment.schema import RunRow

PREDICTION_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("object_id", pa.int64()),
        ("z_true", pa.float64()),
        ("z_pred", pa.float64()),
        ("rank", pa.int32()),
    ]
)


@dataclass
class RunRecord:
    """One run: its row of ``summary.json``, its rows of ``ranks.csv``, its predictions, and what its ranks
    printed, by rank.
    """

    row: RunRow
    ranks: list[dict[str, Any]] = field(default_factory=list)
    predictions: pa.Table | None = None
    output: dict[int, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """What of the ranks' results and predictions did not fit, each in a few words; their files have it."""


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level with dotted names; lists as JSON text."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat
