"""A rank's own result is read whatever a script has written: what does not fit is named, never an error."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosmic_fmi.common.contract import reading

SCHEMA = pa.schema([("object_id", pa.int64()), ("z_pred", pa.float64())])


def parquet(**columns: Any) -> bytes:  # noqa: ANN401 - whatever a column holds
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        (b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}", "is nested too deeply"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
    ],
    ids=str,
)
def test_what_is_no_result_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(reading.NotAResultError, match=f"^{reason}"):
        reading.parse(body)


def test_numbers_that_json_does_not_know_are_null() -> None:
    assert reading.parse(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1e5}') == {
        "a": None,
        "b": None,
        "c": None,
        "d": 1e5,
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("num_samples", 12, 12),
        ("num_samples", "12", 12),
        ("num_samples", 12.0, 12),
        ("batch_size", None, None),
        ("throughput_bps", "1e6", 1e6),
        ("throughput_bps", 5, 5),
        ("metrics", {"R2": None, "MAE": 0.1}, {"R2": None, "MAE": 0.1}),
        ("fmi", {"operations": {"send": {"calls": 2}}}, {"operations": {"send": {"calls": 2}}}),
        ("phases", None, {}),
        ("refused_partitions", "one", ["one"]),
        ("refused_partitions", None, []),
        ("my own", [{"any": "thing"}], [{"any": "thing"}]),
    ],
)
def test_what_fits_is_taken(name: str, value: object, expected: object) -> None:
    assert reading.fit({name: value}) == reading.Result({name: expected})


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("num_samples", "many", 'num_samples: "many" is no whole number from 0'),
        ("num_samples", -1, "num_samples: -1 is no whole number from 0"),
        ("num_samples", 1.5, "num_samples: 1.5 is no whole number from 0"),
        ("num_samples", True, "num_samples: true is no whole number from 0"),
        ("num_samples", 2**63, "num_samples: 9223372036854775808 is no whole number from 0"),
        ("s3_num_requests", [1], "s3_num_requests: [1] is no whole number from 0"),
        ("throughput_bps", {"a": 1}, 'throughput_bps: {"a": 1} is no number'),
        ("throughput_bps", float("inf"), "throughput_bps: Infinity is no number"),
        ("throughput_bps", "nan", "throughput_bps: NaN is no number"),
        ("sample_persec", 10**400, f"sample_persec: 1{'0' * 59}… is no number"),
        ("phases", [1, 2], "phases: [1, 2] is no object of numbers"),
        ("fmi", "off", 'fmi: "off" is no object of numbers'),
        ("refused_partitions", [1], "refused_partitions: [1] is no list of texts"),
    ],
)
def test_what_does_not_fit_is_named_and_left_out(name: str, value: object, named: str) -> None:
    assert reading.fit({name: value, "mine": 1}) == reading.Result({"mine": 1}, [named])


def test_a_number_too_long_to_be_shown_is_named_by_its_type() -> None:
    assert reading.fit({"sample_persec": 10**5000}).left_out == ["sample_persec: its int is no number"]


def test_of_several_numbers_only_those_that_do_not_fit_are_left_out() -> None:
    metrics = {"MAE": 0.1, "grade": "A", "by band": {"u": 0.2, "\x1b[2J": []}}
    assert reading.fit({"metrics": metrics}) == reading.Result(
        {"metrics": {"MAE": 0.1, "by band": {"u": 0.2}}},
        ['metrics.grade: "A" is no number', "metrics.by band.�[2J: [] is no number"],
    )


def test_no_single_flipped_bit_of_a_parquet_file_ends_the_reader() -> None:
    body = parquet(object_id=list(range(40)), z_pred=[0.1] * 40)
    refused = 0
    for position in range(0, len(body) * 8, 5):
        damaged = bytearray(body)
        damaged[position // 8] ^= 1 << position % 8
        try:
            reading.fit_table(reading.read_table(bytes(damaged)), SCHEMA)
        except reading.NotATableError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"z_pred": [0.1]}, "has no column object_id"),
        ({"galaxy": ["NGC 1300"]}, "has no column object_id or z_pred"),
        ({"object_id": ["NGC 1300"], "z_pred": [0.1]}, "does not hold the types of predictions: "),
        ({"object_id": [1.5], "z_pred": [0.1]}, "does not hold the types of predictions: "),
        ({"object_id": [[1]], "z_pred": [0.1]}, "does not hold the types of predictions: "),
    ],
)
def test_a_table_of_another_schema_says_what_it_lacks(columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(reading.NotATableError, match=f"^{reason}"):
        reading.fit_table(reading.read_table(parquet(**columns)), SCHEMA)


def test_a_table_with_more_columns_and_other_numbers_fits() -> None:
    table = reading.read_table(parquet(z_pred=[1], note=["x"], object_id=[7]))
    assert reading.fit_table(table, SCHEMA).to_pydict() == {"object_id": [7], "z_pred": [1.0]}


def test_a_column_twice_does_not_fit() -> None:
    table = pa.table([[1], [2], [0.1]], names=["object_id", "object_id", "z_pred"])
    with pytest.raises(reading.NotATableError, match=r"^has the column object_id twice"):
        reading.fit_table(table, SCHEMA)


def test_any_result_survives_being_written_again() -> None:
    wild = {"a": "\x00\ud800", "b": {"c": [None, 1e300]}, "num_samples": "٣"}
    fitted = reading.fit(reading.parse(json.dumps(wild).encode()))
    json.dumps(fitted.values, allow_nan=False)
