"""What the tests of this folder share."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cosmic_fmi.experiment.support.executions import report
from tests.cosmic_fmi.experiment.support.fakes import FakeTarget


@pytest.fixture
def target() -> FakeTarget:
    """A target on which ranks 0 and 1 of execution x left everything that they leave."""
    made = FakeTarget()
    s3 = made.fakes.s3
    for rank in (0, 1):
        outcome = {"rank": rank, "status": "succeeded", "request_id": f"req-{rank}", "objects_downloaded": 2}
        s3.put_json(f"executions/x/outcomes/{rank}.json", outcome | {"started_at": 1.0, "traceback": None})
        result = {
            "rank": rank,
            "num_samples": 300,
            "throughput_bps": 5e6,
            "execution_id": "x",
            "s3_num_requests": 4,
        }
        s3.put_json(f"results/x/{rank}.json", result | {"fmi": {"setup_seconds": 0.2}})
        columns = {"object_id": [rank], "z_true": [None], "z_pred": [0.2], "rank": [rank]}
        table = pa.table(columns).cast(
            pa.schema(
                [
                    ("object_id", pa.int64()),
                    ("z_true", pa.float64()),
                    ("z_pred", pa.float64()),
                    ("rank", pa.int32()),
                ]
            )
        )
        sink = io.BytesIO()
        pq.write_table(table, sink)
        s3.objects[f"results/x/{rank}.parquet"] = sink.getvalue()
    made.fakes.logs.events = {
        "/e": [report("req-0", "a"), report("req-1", "b"), report("of-someone-else", "c")],
        "/i": [report("req-i", "d")],
        "/s": [report("req-s", "e")],
    }
    return made
