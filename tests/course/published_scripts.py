"""The course's own scripts on an embedded AWS, from a clone that the variable COURSE names.

Not collected by `make test`, for whoever has no clone; `make test-course` checks the folder and runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.course.folder import GALAXIES
from tests.course.lab import Lab

pytestmark = pytest.mark.timeout(900)

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def payload_of(lab: Lab, name: str, **changes: object) -> dict[str, Any]:
    """The course's sample input for one of its scripts, which becomes the folder's inference.py."""
    bucket = lab.course.payload_bucket(name)
    key = "Anomaly Detection/Inference/inference.py"
    lab.stack.target.clients.s3.upload_file(str(lab.course.script(name)), bucket, key)
    return {**lab.course.payload(), "bucket": bucket, "data_bucket": bucket, **changes}


def test_the_sample_input_of_eleven_files(lab: Lab, tmp_path: Path) -> None:
    payload = payload_of(lab, "inference")
    printed, row = lab.run(tmp_path, payload, "--requirements", str(REQUIREMENTS))
    print(printed)
    assert row["status"] == "succeeded", row["error"]
    assert row["world_size"] == int(payload["file_limit"]) == 11
    results = lab.read(payload["bucket"], f"{payload['result_path']}/combined_data.json")
    assert [result["data_path"] for result in results] == [f"100MB/{number}.pt" for number in range(1, 12)]
    assert all(result["throughput_bps"] > 0 for result in results)


def test_ranks_that_reduce_with_fmi(lab: Lab, tmp_path: Path) -> None:
    payload = payload_of(lab, "inference_FMI", file_limit="4", world_size="2", result_path="result-fmi/1GB/1")
    printed, row = lab.run(tmp_path, payload, "--requirements", str(REQUIREMENTS))
    print(printed)
    assert row["status"] == "succeeded", row["error"]
    results = lab.read(payload["bucket"], "result-fmi/1GB/1/combined_data.json")
    assert [result["data_path"] for result in results] == [
        ["100MB/1.pt", "100MB/2.pt"],
        ["100MB/3.pt", "100MB/4.pt"],
    ]


def test_the_script_for_one_machine_ends_as_it_does_there(lab: Lab, packages: Path, tmp_path: Path) -> None:
    """The folder's own inference.py: what it cannot do at home it need not do in a function."""
    at_home = subprocess.run(
        [sys.executable, "-W", "ignore", "inference.py", "--device", "cpu"],
        cwd=lab.bundle / "Inference",
        env={**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    bucket = lab.course.payload_bucket("inference")
    script = lab.bundle / "Inference" / "inference.py"
    lab.stack.target.clients.s3.upload_file(str(script), bucket, "Anomaly Detection/Inference/inference.py")
    payload = {
        "bucket": bucket,
        "world_size": "1",
        "object_type": "folder",
        "S3_object_name": "Anomaly Detection",
        "data_path": f"/tmp/Anomaly Detection/{GALAXIES}",
        "script": "/tmp/Anomaly Detection/Inference/inference.py",
        "arguments": ["--device", "cpu"],
    }
    printed, row = lab.run(tmp_path, payload, "--requirements", str(REQUIREMENTS))
    print(f"at home: status {at_home.returncode}\n{at_home.stdout[-800:]}{at_home.stderr[-300:]}")
    print(printed)
    if at_home.returncode == 0:
        assert row["status"] == "succeeded", row["error"]
    else:
        assert at_home.stderr.strip().splitlines()[-1] in row["error"]


def test_without_the_requirements_the_error_names_what_is_missing(lab: Lab, tmp_path: Path) -> None:
    printed, row = lab.run(
        tmp_path, payload_of(lab, "inference", file_limit="1", result_path="result-none/1GB/1")
    )
    print(printed)
    assert row["status"] == "failed"
    assert "timm" in row["error"]
