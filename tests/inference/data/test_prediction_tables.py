"""Predictions of several ranks, whose ids need not be of one type."""

import numpy as np
import pyarrow as pa
import pytest

from inference.data.prediction_tables import of_any_id, together, with_one_kind_of_ids

LARGE = 11289096837541398528


def table(ids: object, **more: object) -> pa.Table:
    return pa.table({"object_id": ids, **more})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (np.array([1, 2]), np.array([LARGE], np.uint64), [1, 2, LARGE]),
        (np.array([-1, 2]), np.array([LARGE], np.uint64), ["-1", "2", str(LARGE)]),
        (np.array([1, 2]), pa.array(["a"]), ["1", "2", "a"]),
        (np.empty(0, np.int64), pa.array(["a"]), ["a"]),
        (np.array([1, 2], np.int32), np.array([3]), [1, 2, 3]),
    ],
)
def test_ids_of_two_types(first: object, second: object, expected: list[object]) -> None:
    assert together([table(first), table(second)])["object_id"].to_pylist() == expected


def test_a_table_may_lack_columns() -> None:
    found = together([table([1], ra=[2.0]), table([2], dec=[3.0])])
    assert found.to_pydict() == {"object_id": [1, 2], "ra": [2.0, None], "dec": [None, 3.0]}
    assert with_one_kind_of_ids([pa.table({"x": [1]})])[0].column_names == ["x"]


def test_columns_whose_types_do_not_fit_become_text() -> None:
    found = together([table([1], note=[2]), table([2], note=["b"]), table([3], note=[[1.5]]), table([4])])
    assert found.to_pydict() == {"object_id": [1, 2, 3, 4], "note": ["2", "b", "[1.5]", None]}


def test_ids_of_any_whole_number_fit_texts() -> None:
    whole, text, none = (table(ids).schema for ids in ([1], ["a"], pa.nulls(1)))
    assert pa.unify_schemas([of_any_id(whole), of_any_id(text), of_any_id(none)]).types == [pa.string()]
    assert of_any_id(table([1.5]).schema).types == [pa.float64()]
