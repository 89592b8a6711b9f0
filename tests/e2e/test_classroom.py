"""A deployment in a locked-down account: one role that exists, none of its own, no rendezvous server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud.client import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import client
from tests.e2e.support.stack import Stack
from tests.e2e.test_rendezvous_modes import wait_for

ROLE = "LabRole"
SERVICES = ["lambda.amazonaws.com", "states.amazonaws.com", "ecs-tasks.amazonaws.com"]
ALONE = "print('alone')"
BY_S3 = """
import os
import fmi
settings = {"backends": {"S3": {"bucket_name": os.environ["S3_BUCKET"], "peer_timeout": "60000"}}}
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
settings["secret"] = os.environ["FMI_SECRET"]
with fmi.Communicator(rank, size, settings, os.environ["FMI_COMM_NAME"]) as comm:
    assert comm.allreduce(rank + 1, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int)) == 3
"""


def make_role(cloud: EmbeddedAWS) -> str:
    """The one role of the account, which may do everything; its ARN."""
    iam = client(cloud, "iam")
    trust = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=ROLE, PolicyName="everything", PolicyDocument=policy)
    return str(arn)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("classroom")
    cloud = EmbeddedAWS(state / "localcloud", REPOSITORY)
    cloud.start()
    arn = make_role(cloud)
    roles = dict.fromkeys(["functions", "rendezvous", "state_machine", "build"], arn)
    target = LocalTarget(state=state, variables={"existing_roles": roles, "rendezvous_mode": "none"})
    deployment = target.prepare(Reporter())
    yield Stack(state, target, deployment)
    target.destroy(Reporter())
    cloud.stop()


def run(stack: Stack, script: str, **payload: object) -> dict[str, Any]:
    """An execution that has ended."""
    stack.put("class/run.py", script)
    machine = stack.target.clients.stepfunctions
    where = {"bucket": stack.deployment.bucket, "object_type": "folder", "S3_object_name": "class"}
    arn = machine.start_execution(
        stateMachineArn=stack.deployment.state_machine_arn,
        input=json.dumps({**where, "script": "/tmp/class/run.py", **payload}),
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        found = dict(machine.describe_execution(executionArn=arn))
        return None if found["status"] == "RUNNING" else found

    found = wait_for(ended, "the end of the execution")
    assert found is not None
    return found


def test_no_role_no_network_and_no_server_is_made(classroom: Stack) -> None:
    assert [role["RoleName"] for role in client(classroom.cloud, "iam").list_roles()["Roles"]] == [ROLE]
    assert classroom.target.clients.ecs.list_clusters()["clusterArns"] == []
    names = {vpc["IsDefault"] for vpc in client(classroom.cloud, "ec2").describe_vpcs()["Vpcs"]}
    assert names == {True}
    assert set(classroom.deployment.functions) == {"initialize", "execute", "summarize"}
    assert classroom.target.pending_changes() == []


def test_a_single_rank_runs(classroom: Stack) -> None:
    assert run(classroom, ALONE, world_size=1)["status"] == "SUCCEEDED"


def test_a_world_that_talks_through_s3_runs(classroom: Stack) -> None:
    found = run(classroom, BY_S3, world_size=2, rendezvous=False)
    assert found["status"] == "SUCCEEDED", found


def test_a_world_that_needs_a_server_is_refused_with_a_sentence(classroom: Stack) -> None:
    found = run(classroom, BY_S3, world_size=2)
    assert found["status"] == "FAILED"
    assert "this deployment has no rendezvous server" in found["cause"]
