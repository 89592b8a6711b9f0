"""A partition that cannot be used: the execution says which one, and every other galaxy is predicted."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq

from experiment.console import Reporter
from experiment.upload import upload_bundle
from inference import synthetic
from inference.partitions import encode
from tests.e2e.stack import Stack


def test_the_others_are_predicted_and_it_is_named(stack: Stack, tmp_path: Path) -> None:
    s3, bucket = stack.target.clients.s3, stack.deployment.bucket
    upload_bundle(s3, bucket, Reporter())
    galaxies = synthetic.sample(40, seed=9)
    for number in range(4):
        content = encode(galaxies[number * 10 : number * 10 + 10])
        # Damage as a broken upload leaves it.
        s3.put_object(
            Bucket=bucket, Key=f"bad/{number + 1}.pt", Body=content[:9000] if number == 1 else content
        )
    done, row = stack.run_payload(
        tmp_path,
        world_size=2,
        object_type="folder",
        S3_object_name="Anomaly Detection",
        script="/tmp/Anomaly Detection/Inference/inference.py",
        data_bucket=bucket,
        data_prefix="bad",
        file_limit=4,
        batch_size=8,
        result_path="bad-results",
    )
    assert done.returncode == 1, done.stdout
    assert row["status"] == "failed"
    first, _, _ = row["error"].partition("\n")
    assert f"rank 0 failed: DataError: s3://{bucket}/bad/2.pt: is truncated or damaged" in first
    assert set(stack.keys("bad-results")) >= {
        f"bad-results/{rank}.{kind}" for rank in (0, 1) for kind in ("json", "parquet")
    }
    predicted = []
    for rank in (0, 1):
        body = s3.get_object(Bucket=bucket, Key=f"bad-results/{rank}.parquet")["Body"].read()
        predicted += pq.read_table(io.BytesIO(body))["object_id"].to_pylist()
        result = stack.read_json(f"bad-results/{rank}.json")
        assert result["world_metrics"]["num_samples"] == 30
        assert len(result["refused_partitions"]) == (1 if rank == 0 else 0)
    assert predicted == [*range(10), *range(20, 40)]
