"""Every statement of the deployment's policies is needed: without it something fails, with AWS's refusal."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cosmic_fmi.localcloud.iam.recorder import recorded
from tests.cosmic_fmi.localcloud.conftest import wait_for
from tests.e2e.support.stack import Stack, client
from tests.support.statements import Held, Recorded, calls_that_need, held

EXCHANGE = """
import json, os, boto3, fmi
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
config = {"backends": {"S3": {"enabled": "true", "bucket_name": os.environ["S3_BUCKET"]}}}
comm = fmi.Communicator(rank, size, config, os.environ["FMI_COMM_NAME"])
total = comm.allreduce(rank, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))
key = os.environ["RESULT_PATH"] + f"/{rank}.json"
boto3.client("s3").put_object(Bucket=os.environ["S3_BUCKET"], Key=key, Body=json.dumps({"total": total}))
"""

# What these runs do not use, and which others do, or why it is there; docs/deploy.md says the same of what no
# run uses.
USED_ELSEWHERE = {
    ("cosmic-publish-address", "LetEndedServerRest"): "after an idle server's end: test_rendezvous_modes.py",
    ("cosmic-execute", "ReadParameters"): "for --env-from: programs/test_own_program.py",
}
UNUSED = {
    ("cosmic-world", "FollowMapRun"): "waits for the executions of a distributed Map, and stops them",
}


@pytest.fixture(scope="module")
def calls(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What was asked for by the deployment, a run of the bundle, and one with messages in S3."""
    folder = tmp_path_factory.mktemp("runs")
    done = stack.experiment(folder / "bundle", "--world-size", "2")
    assert done.returncode == 0, done.stdout
    put_packages(stack)
    stack.put("exchange/run.py", EXCHANGE)
    for part in range(2):
        stack.put(f"exchange-data/{part}.pt", "x")
    done, row = stack.run_payload(
        folder / "exchange",
        world_size="2",
        object_type="folder",
        S3_object_name="exchange",
        script="/tmp/exchange/run.py",
        data_bucket=stack.deployment.bucket,
        data_prefix="exchange-data",
        result_path="exchange-results",
        requirements="requirements/one.zip",
    )
    assert row["status"] == "succeeded", done.stdout
    return read(stack)


def read(stack: Stack) -> Recorded:
    return list(recorded((stack.state / "calls.jsonl").read_text().splitlines()))


def put_packages(stack: Stack) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("one.py", "")
    stack.target.clients.s3.put_object(
        Bucket=stack.deployment.bucket, Key="requirements/one.zip", Body=content.getvalue()
    )


@pytest.fixture(scope="module")
def statements(stack: Stack) -> list[Held]:
    return list(held(applied(stack)))


def applied(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in json.loads(stack.terraform_state.read_text())["resources"]:
        for instance in resource["instances"]:
            yield resource["type"], instance["attributes"]


def test_without_any_one_statement_a_call_would_be_refused(statements: list[Held], calls: Recorded) -> None:
    allowing = [one for one in statements if one.effect == "Allow"]
    assert len(allowing) > 30
    needless = {(one.who, one.sid) for one in allowing if not calls_that_need(one, calls)}
    # The stack is shared: whether a test that uses the others has run before this one is not known.
    assert needless - set(USED_ELSEWHERE) == set(UNUSED)


def run(stack: Stack, **payload: Any) -> dict[str, Any]:  # noqa: ANN401
    """One execution of one rank, and how it ended."""
    machine = stack.target.clients.stepfunctions
    given = {"bucket": stack.deployment.bucket, "world_size": 1, "object_type": "folder", **payload}
    arn = machine.start_execution(
        stateMachineArn=stack.deployment.state_machine_arn, input=json.dumps(given)
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        found = dict(machine.describe_execution(executionArn=arn))
        return found if found["status"] != "RUNNING" else None

    return dict(wait_for(ended, "the end of the execution", seconds=120))


@contextmanager
def without(stack: Stack, role: str, sid: str) -> Iterator[None]:
    """The deployment while a role lacks one statement."""
    iam = client(stack, "iam")
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = {**document, "Statement": [one for one in document["Statement"] if one["Sid"] != sid]}
    assert len(less["Statement"]) == len(document["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


@pytest.mark.parametrize(
    ("role", "sid"), [("initialize", "WriteManifest"), ("execute", "ReadAndWriteObjects")]
)
def test_a_run_without_it_says_so(stack: Stack, role: str, sid: str) -> None:
    stack.put("quiet/run.py", "print('fine')")
    with without(stack, f"cosmic-{role}", sid):
        ended = run(stack, S3_object_name="quiet", script="/tmp/quiet/run.py")
    assert ended["status"] == "FAILED"
    assert (
        f"assumed-role/cosmic-{role}/cosmic-{role} is not authorized to perform: s3:PutObject"
        in ended["cause"]
    )
    assert run(stack, S3_object_name="quiet", script="/tmp/quiet/run.py")["status"] == "SUCCEEDED"
