"""A partition that cannot be used: the execution says which one, and every other galaxy is predicted."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq

from cosmic_fmi.experiment.plan.upload import upload_bundle
from cosmic_fmi.experiment.ui.console import Reporter
from inference.data.partitions import encode
from inference.survey import synthetic
from tests.e2e.support.stack import Stack


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
    assert row["error"] == (
        f"PartitionsRefused: 1 partition could not be used: s3://{bucket}/bad/2.pt: is truncated or damaged "
        "(File is not a zip file). All others are predicted (30 objects): "
        f"bad-results/predictions.parquet and bad-results/combined_data.json in bucket {bucket}."
    )
    assert (row["samples"], row["metrics"]["num_samples"]) == (30, 30)
    body = s3.get_object(Bucket=bucket, Key="bad-results/predictions.parquet")["Body"].read()
    assert pq.read_table(io.BytesIO(body))["object_id"].to_pylist() == [*range(10), *range(20, 40)]
    combined = stack.read_json("bad-results/combined_data.json")
    assert [len(result["refused_partitions"]) for result in combined] == [1, 0]
    assert [result["world_metrics"]["num_samples"] for result in combined] == [30, 30]
    kept = pq.read_table(tmp_path / "out" / "predictions.parquet")
    assert kept["object_id"].to_pylist() == [*range(10), *range(20, 40)]
