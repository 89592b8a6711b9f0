"""What only time brings on AWS, under a run: it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.support.stack import Stack
from tests.e2e.test_rendezvous_modes import Server, wait_for

SUCCEEDED = ("SUCCEEDED", "")
MEETS = """
import os, boto3, fmi
with fmi.from_env() as comm:
    comm.barrier()
    key = f"{os.environ['RESULT_PATH']}/{comm.rank}.json"
    boto3.client("s3").put_object(Bucket=os.environ["S3_BUCKET"], Key=key, Body=b"{}")
"""
MEETS_TWICE = """
import os, threading, boto3, fmi
s3, bucket, path = boto3.client("s3"), os.environ["S3_BUCKET"], os.environ["RESULT_PATH"]
there = lambda name: s3.list_objects_v2(Bucket=bucket, Prefix=f"{path}/{name}")["KeyCount"]
with fmi.from_env() as comm:
    comm.barrier()
    s3.put_object(Bucket=bucket, Key=f"{path}/met-{comm.rank}", Body=b"")
    while not there("replaced"):
        threading.Event().wait(0.05)
    comm.barrier()
    s3.put_object(Bucket=bucket, Key=f"{path}/{comm.rank}.json", Body=b"{}")
"""


@pytest.fixture
def faulty(stack: Stack) -> Iterator[Stack]:
    """The deployment, whose embedded AWS has no faults afterwards."""
    yield stack
    stack.cloud.clear_faults()


def payload(name: str) -> dict[str, object]:
    """A world of two."""
    return {
        "world_size": 2,
        "object_type": "folder",
        "S3_object_name": "faults",
        "script": "/tmp/faults/run.py",
        "result_path": f"results/{name}",
    }


def run(stack: Stack, name: str, script: str = MEETS) -> tuple[str, str]:
    """An execution; its status and the cause of a failure."""
    stack.put("faults/run.py", script)
    machine = stack.target.clients.stepfunctions
    arn = machine.start_execution(
        stateMachineArn=stack.deployment.state_machine_arn,
        input=json.dumps({"bucket": stack.deployment.bucket, **payload(name)}),
    )["executionArn"]
    wait_for(lambda: machine.describe_execution(executionArn=arn)["status"] != "RUNNING", "the end")
    ended = machine.describe_execution(executionArn=arn)
    return ended["status"], ended.get("cause", "")


def test_a_run_after_idle_weeks_wakes_the_functions(faulty: Stack) -> None:
    faulty.cloud.set_faults(inactive=1)
    assert run(faulty, "idle") == SUCCEEDED


def test_a_run_just_after_an_update_waits(faulty: Stack) -> None:
    faulty.cloud.set_faults(pending=2)
    functions = faulty.target.clients.functions
    for function in functions.list_functions()["Functions"]:
        # As it is: Terraform finds nothing to change afterwards.
        functions.update_function_configuration(
            FunctionName=function.get("FunctionName", ""), Description=function.get("Description", "")
        )
    assert run(faulty, "updated") == SUCCEEDED


def test_a_run_among_others_of_the_account_is_throttled_and_goes_on(faulty: Stack) -> None:
    faulty.cloud.set_faults(lambda_throttle=0.2)
    assert run(faulty, "throttled") == SUCCEEDED


def test_a_run_outlasts_s3_that_slows_down(faulty: Stack, tmp_path: Path) -> None:
    """The command line, too, which reads what the ranks have left."""
    faulty.put("faults/run.py", MEETS)
    faulty.cloud.set_faults(s3_slowdown=0.1)
    done, row = faulty.run_payload(tmp_path, **payload("slow"))
    assert (done.returncode, row["status"]) == (0, "succeeded"), done.stdout + done.stderr


def test_a_run_waits_for_a_server_that_starts_as_slowly_as_on_aws(faulty: Stack) -> None:
    Server(faulty).rest()
    faulty.cloud.set_faults(task_start=4)
    assert run(faulty, "slow-task") == SUCCEEDED


def test_a_run_waits_until_there_is_a_place_for_the_server(faulty: Stack) -> None:
    server = Server(faulty)
    server.rest()
    faulty.cloud.set_faults(task_unplaced=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, faulty, "unplaced")
        wait_for(lambda: server.desired() == 1, "the request for a server")
        faulty.cloud.clear_faults()
        assert running.result() == SUCCEEDED


def test_a_run_does_not_mind_events_that_come_twice_and_late(faulty: Stack) -> None:
    server = Server(faulty)
    server.rest()
    faulty.cloud.set_faults(events_twice=1, events_reordered=1)
    assert run(faulty, "events") == SUCCEEDED
    server.rest()


def test_a_run_goes_on_when_the_server_is_replaced_under_it(faulty: Stack) -> None:
    server = Server(faulty)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, faulty, "replaced", MEETS_TWICE)
        wait_for(lambda: len(faulty.keys("results/replaced/met-")) == 2, "the first meeting")
        [before, *_] = server.processes()
        faulty.cloud.set_faults(task_replaced=1)
        wait_for(lambda: before not in server.processes(), "the replacement")
        faulty.put("results/replaced/replaced", "")
        assert running.result() == SUCCEEDED
    assert run(faulty, "after") == SUCCEEDED, "the next one finds, or starts, a server"


def test_a_user_sets_and_clears_faults(faulty: Stack) -> None:
    def command(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "cosmic_fmi", "local", "fault", *words],
            env=faulty.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert " s3-slowdown       0.4 " in command("set", "s3-slowdown=0.4")
    assert " s3-slowdown       off " in command("clear")
