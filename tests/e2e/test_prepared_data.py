"""From a raw file to predictions: prepare_data.py uploads partitions, and a world reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.plan.upload import upload_bundle
from cosmic_fmi.experiment.ui.console import Reporter
from inference.survey import synthetic
from tests.e2e.support.stack import Stack


def test_a_world_reads_what_was_prepared(stack: Stack, tmp_path: Path) -> None:
    galaxies = synthetic.sample(80, seed=4)
    magnitude = galaxies.magnitude.copy()
    magnitude[5] = -9999
    np.savez(tmp_path / "raw.npz", image=galaxies.image, mag=magnitude, z=galaxies.redshift)
    script = [
        sys.executable,
        str(REPOSITORY / "scripts" / "prepare_data.py"),
        "--data",
        str(tmp_path / "raw.npz"),
    ]
    prepared = subprocess.run(
        [*script, "--split", "none", "--upload", "prepared", "--size", "512KB", "--keep-outliers"],
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    assert "512KB: 79 galaxies in 4 partitions of 26" in prepared.stdout
    upload_bundle(stack.target.clients.s3, stack.deployment.bucket, Reporter())
    done, row = stack.run_payload(
        tmp_path,
        world_size=2,
        object_type="folder",
        S3_object_name="Anomaly Detection",
        script="/tmp/Anomaly Detection/Inference/inference.py",
        data_bucket=stack.deployment.bucket,
        data_prefix="prepared/512KB",
        file_limit=4,
        result_path="prepared-results",
    )
    assert done.returncode == 0, done.stdout
    assert (row["status"], row["samples"]) == ("succeeded", 79)
    table = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pydict()
    assert table["z_true"] == np.delete(galaxies.redshift, 5).tolist()
