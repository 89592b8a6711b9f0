"""The execution inputs that the course's teams printed, with scripts that make the calls of the course's."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from tests.e2e.support.stack import Stack

SCRIPTS = Path(__file__).parent / "course_scripts"
MAKE_MODEL = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from blocks.small_model import SmallModel
torch.save(torch.nn.DataParallel(SmallModel()), sys.argv[2])
"""
ONE_FILE = {
    "object_type": "folder",
    "S3_object_name": "scripts/Anomaly Detection",
    "data_path": "/tmp/scripts/Anomaly Detection/Inference/resized_inference.pt",
    "script": "/tmp/scripts/Anomaly Detection/Inference/inference.py",
}
"""Teams 1, 4 and 5, but for bucket and world_size."""
PARTITIONS = {
    "file_limit": "11",
    "batch_size": 512,
    "object_type": "folder",
    "S3_object_name": "Anomaly Detection",
    "script": "/tmp/Anomaly Detection/Inference/inference.py",
    "result_path": "result-partition-100MB/1GB/1",
    "data_prefix": "100MB",
}
"""Team 1, and the course's own sample input, but for the buckets."""
PLAIN_TORCH_LOAD = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
READ_BY_STATS = ("total_cpu_time (seconds)", "total_cpu_memory (MB)", "throughput_bps")
READ_OF_S3 = ("s3_total_time", "s3_avg_time", "s3_min_time", "s3_max_time")
"""What the course's stats.py takes from each entry of combined_data.json, the second from all or none."""


def galaxies(count: int) -> bytes:
    """A partition as the course's split_data.py saves it: image, magnitude, redshift."""
    made = TensorDataset(
        torch.rand(count, 5, 32, 32), torch.rand(count, 5, dtype=torch.float64), torch.rand(count)
    )
    content = io.BytesIO()
    torch.save(made, content)
    return content.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model pickled whole, in DataParallel, by a process that had its classes."""
    path = tmp_path_factory.mktemp("model") / "model.pt"
    subprocess.run([sys.executable, "-c", MAKE_MODEL, str(SCRIPTS), str(path)], check=True, timeout=100)
    return path.read_bytes()


def upload(stack: Stack, folder: str, script: str, model: bytes) -> None:
    """The folder "Anomaly Detection" with this script as its inference.py."""
    put = stack.target.clients.s3.put_object
    content = {
        "Inference/inference.py": (SCRIPTS / script).read_bytes(),
        "Inference/resized_inference.pt": galaxies(9),
        "blocks/small_model.py": (SCRIPTS / "blocks" / "small_model.py").read_bytes(),
        "Fine_Tune_Model/model.pt": model,
    }
    for name, body in content.items():
        put(Bucket=stack.deployment.bucket, Key=f"{folder}/{name}", Body=body)


def upload_partitions(stack: Stack, count: int) -> None:
    for number in range(1, count + 1):
        stack.target.clients.s3.put_object(
            Bucket=stack.deployment.bucket, Key=f"100MB/{number}.pt", Body=galaxies(number)
        )


def combined(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.read_json(f"{PARTITIONS['result_path']}/combined_data.json")
    return found


@pytest.mark.parametrize("world_size", ["1", "2"], ids=["teams 1 and 4", "team 5"])
def test_one_file_of_galaxies(stack: Stack, tmp_path: Path, model: bytes, world_size: str) -> None:
    upload(stack, "scripts/Anomaly Detection", "whole_file.py", model)
    done, row = stack.run_payload(tmp_path, **ONE_FILE, world_size=world_size, environment=PLAIN_TORCH_LOAD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert row["world_size"] == int(world_size)
    assert stack.read_json("result/0")["num_samples"] == 9


def test_a_plain_torch_load_says_which_variable_lets_it_run(
    stack: Stack, tmp_path: Path, model: bytes
) -> None:
    upload(stack, "scripts/Anomaly Detection", "whole_file.py", model)
    done, row = stack.run_payload(tmp_path, **ONE_FILE, world_size="1")
    assert done.returncode == 1, done.stdout
    assert "Weights only load failed" in row["error"]
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" in row["error"]


def test_partitions_of_eleven_ranks(stack: Stack, tmp_path: Path, model: bytes) -> None:
    upload(stack, "Anomaly Detection", "data_parallel.py", model)
    upload_partitions(stack, 12)
    bucket = stack.deployment.bucket
    done, row = stack.run_payload(tmp_path, **PARTITIONS, data_bucket=bucket)
    assert done.returncode == 0, done.stdout + done.stderr
    assert row["world_size"] == 11
    results = combined(stack)
    assert [result["data_path"] for result in results] == [f"100MB/{number}.pt" for number in range(1, 12)]
    assert all(set(result) >= {*READ_BY_STATS, *READ_OF_S3} for result in results)
    payload = stack.read_json("payload.json")
    assert payload["data_map"] == {str(rank): f"100MB/{rank + 1}.pt" for rank in range(11)}
    assert {key: payload[key] for key in PARTITIONS} == PARTITIONS


def test_ranks_with_several_partitions_and_fmi(stack: Stack, tmp_path: Path, model: bytes) -> None:
    upload(stack, "Anomaly Detection", "data_parallel.py", model)
    upload_partitions(stack, 3)
    asked = {**PARTITIONS, "file_limit": "3", "world_size": 2, "arguments": ["--fmi"]}
    done, _ = stack.run_payload(tmp_path, **asked, data_bucket=stack.deployment.bucket)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [result["data_path"] for result in combined(stack)] == [["100MB/1.pt", "100MB/2.pt"], "100MB/3.pt"]
    [log] = (tmp_path / "out" / "logs").glob("*/0.log")
    assert "all ranks together: " in log.read_text()


@pytest.mark.parametrize("script", ["all_operations", "client"])
@pytest.mark.parametrize("world_size", ["2", "4", "8"])
def test_worlds_that_talk(stack: Stack, tmp_path: Path, script: str, world_size: str) -> None:
    key = f"scripts/{script}.py"
    stack.put(key, (SCRIPTS / f"{script}.py").read_text())
    done, row = stack.run_payload(
        tmp_path, world_size=world_size, object_type="script", S3_object_name=key, script=f"/tmp/{key}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (row["status"], row["world_size"]) == ("succeeded", int(world_size))


def test_the_keys_that_the_course_s_programs_read(stack: Stack, tmp_path: Path) -> None:
    """In combined_data.json, as this system's own ranks write it."""
    done = stack.experiment(tmp_path / "out", "--world-size", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads((tmp_path / "out" / "summary.json").read_text())
    results = stack.read_json(f"results/{row['execution_id']}/combined_data.json")
    for result in results:
        assert all(isinstance(result[key], float) for key in READ_BY_STATS + READ_OF_S3)
        assert (
            result["s3_min_time"] <= result["s3_avg_time"] <= result["s3_max_time"] <= result["s3_total_time"]
        )
