"""Ranks as the executor runs them: against S3 (moto's server) and, in a world, a real rendezvous server."""

import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from cosmic_fmi.common.contract.result import RankResult
from cosmic_fmi.experiment.targets.ports import free_port
from inference.core.galaxies import Galaxies
from inference.data.partitions import write, write_partitions
from inference.data.sources import CountedS3, FileSource, s3_partitions
from inference.metrics import measure
from inference.predict import DEFAULT_MODEL

SCRIPT = Path(DEFAULT_MODEL).parents[1] / "Inference" / "inference.py"
BUCKET = "cosmic"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in variables(endpoint).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])


def variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def partitions(aws: Any, survey: Galaxies, tmp_path: Path) -> list[str]:  # noqa: ANN401
    keys = []
    for path in write_partitions(tmp_path / "parts", survey[:90], count=3):
        keys.append(f"sample/3/{path.name}")
        aws.put_object(Bucket=BUCKET, Key=keys[-1], Body=path.read_bytes())
    return keys


def orders(rank: int, world_size: int, files: list[str]) -> dict[str, str]:
    return {
        "S3_BUCKET": BUCKET,
        "RESULT_PATH": "results/a",
        "DATA_BUCKET": BUCKET,
        "DATA_FILES": json.dumps(files),
        "BATCH_SIZE": "16",
        "RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "EXECUTION_ID": "run-1",
        "DOWNLOAD_SECONDS": "0.25",
    }


def result_of(aws: Any, rank: int) -> tuple[dict[str, Any], pa.Table]:  # noqa: ANN401
    content = {
        suffix: aws.get_object(Bucket=BUCKET, Key=f"results/a/{rank}.{suffix}")["Body"].read()
        for suffix in ("json", "parquet")
    }
    return json.loads(content["json"]), pq.read_table(io.BytesIO(content["parquet"]))


def test_a_world_of_one_twice_in_one_process(
    aws: Any,  # noqa: ANN401
    partitions: list[str],
    survey: Galaxies,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in orders(0, 1, partitions).items():
        monkeypatch.setenv(name, value)
    predictions = []
    for _ in range(2):  # a warm environment runs the script again
        monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        result, table = result_of(aws, 0)
        predictions.append(table["z_pred"].to_pylist())
    assert predictions[0] == predictions[1]
    assert set(result) == RankResult.__required_keys__
    assert table["object_id"].to_pylist() == list(range(90))
    expected = measure(np.array(predictions[0]), survey.redshift[:90]).as_dict()
    assert result["metrics"] == pytest.approx(expected)
    assert result["world_metrics"] == pytest.approx(expected)
    assert (result["num_samples"], result["num_batches"]) == (90, 6)
    assert result["s3_num_requests"] == 4  # three partitions in, the predictions out
    assert 0 < result["s3_min_time"] < result["s3_avg_time"] < result["s3_max_time"]
    assert result["s3_avg_time"] * 4 == pytest.approx(result["s3_total_time"])
    assert set(result["phases"]) == {"import", "setup", "download", "inference", "reduce"}
    assert result["execution_id"] == "run-1"
    assert "rank 0/1: 90 galaxies" in capfd.readouterr().out


def test_work_that_an_earlier_attempt_stored_is_used_again(
    aws: Any,  # noqa: ANN401
    endpoint: str,
    rendezvous: int,
    partitions: list[str],
) -> None:
    shares = [partitions[:1], partitions[1:]]
    for status, output in run_world(endpoint, rendezvous, shares, WORK_ID="abc"):
        assert status == 0, output
    before = [result_of(aws, rank) for rank in range(2)]
    aws.delete_object(Bucket=BUCKET, Key=partitions[0])  # who reads it again fails
    again = {"STORED_RESULT": "1", "WORK_ID": "abc"}
    [(first, said), (second, _)] = run_world(endpoint, rendezvous, shares, **again)
    assert (first, second) == (0, 0), said
    assert "predicted this share already" in said
    for rank, (result, table) in enumerate(before):
        reused, same = result_of(aws, rank)
        assert same.equals(table)
        assert (result["reused"], reused["reused"]) == (False, True)
        assert reused["world_metrics"] == result["world_metrics"]
        assert reused["throughput_bps"] == result["throughput_bps"]
        assert reused["phases"]["inference"] == 0


@pytest.mark.parametrize("left", ["another work", "a foreign table", "no table"])
def test_what_is_not_this_ranks_work_is_computed_anew(
    aws: Any,  # noqa: ANN401
    partitions: list[str],
    monkeypatch: pytest.MonkeyPatch,
    left: str,
) -> None:
    for name, value in (orders(0, 1, partitions) | {"WORK_ID": "abc"}).items():
        monkeypatch.setenv(name, value)
    if left == "another work":
        runpy.run_path(str(SCRIPT), run_name="__main__")
        monkeypatch.setenv("WORK_ID", "def")
    else:
        body = io.BytesIO(b"no table")
        if left == "a foreign table":
            pq.write_table(pa.table({"x": [1]}), body)
        aws.put_object(Bucket=BUCKET, Key="results/a/0.parquet", Body=body.getvalue())
    monkeypatch.setenv("STORED_RESULT", "1")
    runpy.run_path(str(SCRIPT), run_name="__main__")
    result, table = result_of(aws, 0)
    assert result["reused"] is False
    assert result["num_samples"] == table.num_rows == 90


def test_a_rank_takes_its_share_of_a_local_file(
    aws: Any,  # noqa: ANN401
    survey: Galaxies,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "resized inference.pt"
    write(path, survey[:10])
    for name, value in (orders(0, 1, []) | {"DATA_PATH": str(path)}).items():
        monkeypatch.setenv(name, value)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    result, table = result_of(aws, 0)
    assert result["data_path"] == str(path)
    assert table.num_rows == 10
    parts = [FileSource(path, rank, 3) for rank in range(3)]
    assert [len(part) for source in parts for part in source.parts()] == [3, 3, 4]
    assert list(FileSource(path, 0, 11).parts()) == []


def test_a_cold_start_imports_no_more_than_it_needs(
    endpoint: str,
    partitions: list[str],
) -> None:
    # fmi's package is only names until one is used. pyarrow imports pandas where there is one: in no image.
    look = (
        f"import runpy, sys; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "heavy = {'torch', 'onnx', 'matplotlib', 'pyarrow.dataset', 'fmi.comm'}\n"
        "print('LOADED', *sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, **variables(endpoint), **orders(0, 1, partitions)}
    done = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, timeout=90, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_partitions_come_in_order_and_are_counted(aws: Any, partitions: list[str]) -> None:  # noqa: ANN401
    s3 = CountedS3(aws)
    source = s3_partitions(s3, BUCKET, partitions)
    assert [int(part.object_id[0]) for part in source.parts()] == [0, 30, 60]
    sizes = [item["Size"] for item in aws.list_objects_v2(Bucket=BUCKET, Prefix="sample/")["Contents"]]
    assert (s3.traffic.requests, s3.traffic.bytes) == (3, sum(sizes))
    assert source.waited > 0
    assert list(s3_partitions(s3, BUCKET, []).parts()) == []


def test_a_broken_partition_is_named(aws: Any, partitions: list[str]) -> None:  # noqa: ANN401
    aws.put_object(Bucket=BUCKET, Key=partitions[1], Body=b"broken")
    source = s3_partitions(CountedS3(aws), BUCKET, partitions)
    assert [int(part.object_id[0]) for part in source.parts()] == [0, 60]
    assert [str(error) for error in source.refused] == [
        "s3://cosmic/sample/3/2.pt: is truncated or not a file written by torch.save."
    ]


@pytest.fixture
def rendezvous() -> Iterator[int]:
    command = [
        sys.executable,
        "-m",
        "containers.rendezvous",
        "--host",
        "127.0.0.1",
        "--port",
        str(free_port()),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    server.stdout.readline()  # says that it listens
    yield int(command[-1])
    server.terminate()
    server.wait(10)
    server.stdout.close()


def run_world(endpoint: str, port: int, shares: list[list[str]], **more: str) -> list[tuple[int, str]]:
    """Run the ranks as processes; returns the exit status and output of each."""
    ranks = []
    for rank, files in enumerate(shares):
        environment = {
            **os.environ,
            **variables(endpoint),
            **orders(rank, len(shares), files),
            **more,
            "FMI_SECRET": "5ec3e7014a9b" * 3,
            "FMI_COMM_NAME": "test",
            "RENDEZVOUS_HOST": "127.0.0.1",
            "RENDEZVOUS_PORT": str(port),
            "PYTHONPATH": os.getcwd(),  # noqa: PTH109 - the repository's root, where the tests run
        }
        command = [sys.executable, str(SCRIPT)]
        ranks.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    outputs = [process.communicate(timeout=90)[0] for process in ranks]
    return [(process.returncode, output) for process, output in zip(ranks, outputs, strict=True)]


@pytest.mark.parametrize("dealt", [[[0], [1, 2]], [[0, 1, 2], [], []]])
def test_a_world_reduces_to_the_metrics_of_all_galaxies(
    aws: Any,  # noqa: ANN401
    endpoint: str,
    rendezvous: int,
    partitions: list[str],
    dealt: list[list[int]],
) -> None:
    shares = [[partitions[number] for number in numbers] for numbers in dealt]
    for status, output in run_world(endpoint, rendezvous, shares):
        assert status == 0, output
    results, tables = zip(*(result_of(aws, rank) for rank in range(len(shares))), strict=True)
    combined = pa.concat_tables(tables).to_pydict()
    assert combined["object_id"] == list(range(90))
    expected = measure(np.array(combined["z_pred"]), np.array(combined["z_true"])).as_dict()
    for result, numbers in zip(results, dealt, strict=True):
        assert result["world_metrics"] == pytest.approx(expected, rel=1e-9)
        assert result["num_samples"] == 30 * len(numbers)
        assert result["fmi"]["operations"]["allreduce"]["calls"] >= 2
        assert result["fmi"]["bytes_sent"] > 0


def test_a_rank_that_fails_takes_the_others_with_it(
    aws: Any,  # noqa: ANN401
    endpoint: str,
    rendezvous: int,
    partitions: list[str],
) -> None:
    aws.delete_object(Bucket=BUCKET, Key=partitions[1])
    good, bad = run_world(endpoint, rendezvous, [[partitions[0]], [partitions[1]]])
    assert bad[0] == 1
    assert "NoSuchKey" in bad[1]
    assert good[0] == 1
    assert "PeerFailure" in good[1]
    assert "NoSuchKey" in good[1]


def test_a_bad_partition_is_named_and_leaves_the_others_alone(
    aws: Any,  # noqa: ANN401
    endpoint: str,
    rendezvous: int,
    partitions: list[str],
) -> None:
    aws.put_object(Bucket=BUCKET, Key=partitions[1], Body=b"broken")
    bad, good = run_world(endpoint, rendezvous, [partitions[:2], partitions[2:]])
    sentence = "s3://cosmic/sample/3/2.pt: is truncated or not a file written by torch.save."
    assert (good[0], bad[0]) == (0, 0), good[1] + bad[1]
    assert f"left out: {sentence}" in bad[1]
    results, tables = zip(*(result_of(aws, rank) for rank in range(2)), strict=True)
    assert [result["refused_partitions"] for result in results] == [[sentence], []]
    combined = pa.concat_tables(tables).to_pydict()
    assert combined["object_id"] == [*range(30), *range(60, 90)]
    expected = measure(np.array(combined["z_pred"]), np.array(combined["z_true"])).as_dict()
    for result in results:
        assert result["world_metrics"] == pytest.approx(expected, rel=1e-9)
