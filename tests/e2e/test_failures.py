"""What happens when a rank fails, and when the user presses Ctrl-C."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from cosmic_fmi.experiment.paths import REPOSITORY
from inference.data.partitions import encode
from inference.survey import synthetic
from tests.e2e.support.stack import COMMAND, Stack, interrupt

RAISES_IN_RANK_1 = """
import os, boto3, fmi
rank = int(os.environ["RANK"])
key = f"{os.environ['RESULT_PATH']}/{rank}.json"
with fmi.from_env() as comm:
    comm.barrier()
    if rank == 1:
        raise ValueError("the flux of galaxy 7 is negative")
    boto3.client("s3").put_object(Bucket=os.environ["S3_BUCKET"], Key=key, Body=b"{}")
    comm.barrier()
"""
RAISES_BEFORE_FMI = """
import os, fmi
if os.environ["RANK"] == "1":
    raise ValueError("no such column: redshift")
with fmi.from_env() as comm:
    comm.barrier()
"""
KILLED_ONCE = """
import os, signal, boto3, fmi
s3, bucket, path = boto3.client("s3"), os.environ["S3_BUCKET"], os.environ["RESULT_PATH"]
rank = int(os.environ["RANK"])
with fmi.from_env() as comm:
    comm.barrier()
    if rank == 1 and not s3.list_objects_v2(Bucket=bucket, Prefix=f"{path}/killed")["KeyCount"]:
        s3.put_object(Bucket=bucket, Key=f"{path}/killed", Body=b"")
        os.kill(os.getpid(), signal.SIGKILL)
    comm.barrier()
s3.put_object(Bucket=bucket, Key=f"{path}/{rank}.json", Body=b"{}")
"""
KILLED_AFTER_RANK_0 = """
import os, pathlib, signal, threading, boto3
from inference.predict import DEFAULT_MODEL
from inference.rank.run import main
s3, bucket, path = boto3.client("s3"), os.environ["S3_BUCKET"], os.environ["RESULT_PATH"]
there = lambda name: s3.list_objects_v2(Bucket=bucket, Prefix=f"{path}/{name}")["KeyCount"]
if os.environ["RANK"] == "1" and not there("killed"):
    s3.put_object(Bucket=bucket, Key=f"{path}/killed", Body=b"")
    while not there("0.parquet"):
        threading.Event().wait(0.05)
    os.kill(os.getpid(), signal.SIGKILL)
main(pathlib.Path(DEFAULT_MODEL))
"""
BLOCKS = """
import os, boto3, threading
boto3.client("s3").put_object(Bucket=os.environ["S3_BUCKET"], Key="blocked/started", Body=b"")
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (RAISES_IN_RANK_1, "ValueError: the flux of galaxy 7 is negative"),
        (RAISES_BEFORE_FMI, "ValueError: no such column: redshift"),
    ],
    ids=["in a collective", "before it joined"],
)
def test_a_rank_that_raises_is_named(stack: Stack, tmp_path: Path, script: str, message: str) -> None:
    stack.put("failing/run.py", script)
    done, row = stack.run_payload(
        tmp_path,
        world_size=3,
        object_type="folder",
        S3_object_name="failing",
        script="/tmp/failing/run.py",
        result_path=f"failing-results/{tmp_path.name}",
    )
    assert done.returncode == 1
    assert row["status"] == "failed"
    first, _, traceback = row["error"].partition("\n")
    assert "rank 1" in first
    assert message in first
    assert "run.py" in traceback

    outcomes = [stack.read_json(key) for key in stack.keys("executions/") if "/outcomes/" in key]
    world = [
        found for found in outcomes if message in str(found) or "rank 1" in str(found.get("error_message"))
    ]
    assert {found["rank"] for found in world} == {0, 1, 2}


def test_results_already_written_stay(stack: Stack, tmp_path: Path) -> None:
    stack.put("failing/run.py", RAISES_IN_RANK_1)
    prefix = f"kept-results/{tmp_path.name}"
    stack.run_payload(
        tmp_path,
        world_size=2,
        object_type="folder",
        S3_object_name="failing",
        script="/tmp/failing/run.py",
        result_path=prefix,
    )
    assert set(stack.keys(prefix)) <= {f"{prefix}/0.json"}


def test_a_world_whose_rank_is_killed_is_run_again(stack: Stack, tmp_path: Path) -> None:
    stack.put("killed/run.py", KILLED_ONCE)
    done, row = stack.run_payload(
        tmp_path,
        world_size=3,
        object_type="folder",
        S3_object_name="killed",
        script="/tmp/killed/run.py",
        result_path=f"killed-results/{tmp_path.name}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert row["status"] == "succeeded"
    again = [key for key in stack.keys("executions/") if "/attempts/2/outcomes/" in key]
    assert {stack.read_json(key)["status"] for key in again} == {"succeeded"}
    assert len(again) == 3
    [folder] = {key.split("/attempts/")[0] for key in again}
    first = [stack.read_json(key) for key in stack.keys(f"{folder}/outcomes/")]
    assert {(one["rank"], one["error_type"]) for one in first} == {(0, "PeerFailure"), (2, "PeerFailure")}


def test_a_rank_that_had_predicted_already_does_not_do_so_again(stack: Stack, tmp_path: Path) -> None:
    stack.put("killed-late/run.py", KILLED_AFTER_RANK_0)
    s3, bucket = stack.target.clients.s3, stack.deployment.bucket
    path = f"late-results/{tmp_path.name}"  # not in the bundle, which is what work is made from
    galaxies = synthetic.sample(40, seed=9)
    for number in range(2):
        content = encode(galaxies[number * 20 : number * 20 + 20])
        s3.put_object(Bucket=bucket, Key=f"two/{number + 1}.pt", Body=content)

    def run(name: str) -> list[bool]:
        done, row = stack.run_payload(
            tmp_path / name,
            world_size=2,
            object_type="folder",
            S3_object_name="killed-late",
            script="/tmp/killed-late/run.py",
            data_bucket=bucket,
            data_prefix="two",
            batch_size=8,
            result_path=path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert (row["samples"], row["metrics"]["num_samples"]) == (40, 40)
        return [bool(stack.read_json(f"{path}/{rank}.json")["reused"]) for rank in range(2)]

    assert run("lost and mended") == [True, False]
    assert run("again") == [False, False], "what a finished execution left is computed anew"


def test_ctrl_c_stops_the_execution_and_every_process(tmp_path: Path) -> None:
    """In a state of its own, so that the command starts (and has to stop) the embedded AWS itself."""
    environment = {**os.environ, "COSMIC_STATE": str(tmp_path / "state"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*COMMAND, "--world-size", "2", "--output", str(tmp_path / "out")],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Run ") or "rank" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    interrupt(process)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []
