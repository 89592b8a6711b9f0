"""One run as it is kept: a row of the summary, rows of its ranks, a table of predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cosmic_fmi.common.contract.reading import fit_table
from cosmic_fmi.experiment.schema import RunRow

ID = "object_id"
PREDICTION_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        (ID, pa.int64()),
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


def fit_predictions(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema``, and then what else the table has, but for names that it has twice.

    Ids stay as they are where they are texts or whole numbers up to 2^64.

    Raises :class:`~cosmic_fmi.common.contract.reading.NotATableError` where a column is missing or does not
    fit.
    """
    if table.column_names.count(ID) == 1 and table.schema.field(ID).type in (pa.uint64(), pa.string()):
        schema = schema.set(schema.get_field_index(ID), table.schema.field(ID))
    fitted = fit_table(table, schema).replace_schema_metadata(None)
    for name in table.column_names:
        if name not in PREDICTION_SCHEMA.names and table.column_names.count(name) == 1:
            fitted = fitted.append_column(name, table[name])
    return fitted


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level with dotted names; lists as JSON text."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(item) if isinstance(item, list) else item
    return flat
