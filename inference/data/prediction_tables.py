"""Tables of predictions, one below the other, whatever ids and further columns each of them has."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ID = "object_id"


def with_one_kind_of_ids(tables: Sequence[Any]) -> list[Any]:
    """The tables with ids of one type: whole numbers where one type holds them all, else text.

    A catalogue's ids may lie on both sides of 2^63, so that one part of it has int64 and another uint64.
    Tables without the column stay as they are, and empty ones take any type.
    """
    having = [table for table in tables if ID in table.column_names and table.num_rows]
    kinds = {table.schema.field(ID).type for table in having}
    if len(kinds) <= 1:
        return [_cast(table, next(iter(kinds), pa.int64())) for table in tables]
    whole = all(pa.types.is_integer(kind) for kind in kinds)
    if all(pa.types.is_signed_integer(kind) for kind in kinds):
        return list(tables)  # which pyarrow widens
    positive = whole and all(pc.min(table[ID]).as_py() >= 0 for table in having)
    return [_cast(table, pa.uint64() if positive else pa.string()) for table in tables]


def _cast(table: Any, kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    if ID not in table.column_names or table.schema.field(ID).type == kind:
        return table
    place = table.schema.get_field_index(ID)
    return table.set_column(place, ID, table[ID].cast(kind))


def together(tables: Sequence[Any]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """All rows in order, null where a table lacks a column. Raises ArrowException where types do not fit."""
    filled = [table for table in tables if table.num_rows] or tables[:1]
    return pa.concat_tables(with_one_kind_of_ids(filled), promote_options="permissive")
