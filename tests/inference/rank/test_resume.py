"""Work of an earlier attempt is taken only when it is whole and this rank's."""

import io
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosmic_fmi.common.contract.result import CourseKeys
from inference.data.sources import CountedS3
from inference.rank import resume
from inference.rank.environment import RankEnvironment
from inference.rank.results import Predictions

ORDERS = RankEnvironment(0, 1, "b", "r", work_id="w", stored_result=True)


class OneObject:
    """A client of an S3 with one object."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body

    def get_object(self, **_: str) -> dict[str, object]:
        """The object."""
        return {"ContentLength": len(self.body), "Body": io.BytesIO(self.body)}

    def put_object(self, **given: object) -> None:
        """Keep it."""
        assert isinstance(given["Body"], bytes)
        self.body = given["Body"]


def test_no_flipped_bit_is_believed() -> None:
    client = OneObject()
    values = np.linspace(0.0, 1.0, 50)
    made = Predictions(np.arange(50), values, values, np.zeros(50, np.int32), None)
    resume.store(
        CountedS3(client), ORDERS, resume.Work(made, cast(CourseKeys, {"num_samples": 50})), whole=True
    )
    whole = client.body
    for position in range(0, len(whole) * 8, 29):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << position % 8
        client.body = bytes(damaged)
        found = resume.recall(CountedS3(client), ORDERS)
        if found is not None:
            np.testing.assert_array_equal(found.predictions.z_pred, values)
    client.body = whole
    assert resume.recall(CountedS3(client), ORDERS) is not None


@pytest.mark.parametrize("note", [b"[]", b"7", b'{"work_id": "w", "keys": 7}', b"{"])
def test_a_note_of_another_form_is_no_work(note: bytes) -> None:
    table = pa.table({"object_id": [1], "z_true": [0.1], "z_pred": [0.1]})
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({resume.NOTE: note}), sink)
    assert resume.recall(CountedS3(OneObject(sink.getvalue())), ORDERS) is None
