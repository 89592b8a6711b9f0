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


def of_any_id(schema: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """The schema with text for ids of whole numbers: `with_one_kind_of_ids` makes them fit each other."""
    place = schema.get_field_index(ID)
    if place < 0 or not (pa.types.is_integer(schema.types[place]) or pa.types.is_null(schema.types[place])):
        return schema
    return schema.set(place, pa.field(ID, pa.string()))


def _cast(table: Any, kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    if ID not in table.column_names or table.schema.field(ID).type == kind:
        return table
    place = table.schema.get_field_index(ID)
    return table.set_column(place, ID, table[ID].cast(kind))


def together(tables: Sequence[Any]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """All rows in order, null where a table lacks a column; columns whose types do not fit become text."""
    filled = with_one_kind_of_ids([table for table in tables if table.num_rows] or tables[:1])
    for name in _that_clash(filled):
        filled = [_as_text(table, name) if name in table.column_names else table for table in filled]
    return pa.concat_tables(filled, promote_options="permissive")


def _that_clash(tables: Sequence[Any]) -> list[str]:
    """Names of columns that have no one type for all tables."""
    kinds: dict[str, set[Any]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    return [name for name, found in kinds.items() if not _fit(found)]


def _fit(kinds: set[Any]) -> bool:
    try:
        pa.unify_schemas([pa.schema([("x", kind)]) for kind in kinds], promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def _as_text(table: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    texts = [None if value is None else str(value) for value in table[name].to_pylist()]
    return table.set_column(table.schema.get_field_index(name), name, pa.array(texts, pa.string()))
