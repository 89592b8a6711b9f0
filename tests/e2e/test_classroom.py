"""A deployment in a locked-down account: one role that exists, none of its own, no rendezvous server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud.client import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import client
from tests.e2e.support.stack import Stack
from tests.e2e.test_rendezvous_modes import BARRIER, wait_for

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


def existing_network(cloud: EmbeddedAWS) -> dict[str, object]:
    """The default VPC that every account has, with a security group for the server."""
    ec2 = client(cloud, "ec2")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    group = ec2.create_security_group(GroupName="lab", Description="lab", VpcId=vpc["VpcId"])["GroupId"]
    ids = [subnet["SubnetId"] for subnet in subnets]
    return {"vpc_id": vpc["VpcId"], "subnet_ids": ids, "security_group_id": group}


@contextmanager
def locked_down(state: Path, *, server: bool) -> Iterator[Stack]:
    """A deployment in an account with a role and a network that exist, and none of its own."""
    cloud = EmbeddedAWS(state / "localcloud", REPOSITORY)
    cloud.start()
    roles = dict.fromkeys(["functions", "rendezvous", "state_machine", "build"], make_role(cloud))
    how: dict[str, object] = (
        {"existing_network": existing_network(cloud)} if server else {"rendezvous_mode": "none"}
    )
    target = LocalTarget(state=state, variables={"existing_roles": roles, **how})
    try:
        yield Stack(state, target, target.prepare(Reporter()))
    finally:
        target.destroy(Reporter())
        cloud.stop()


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with locked_down(tmp_path_factory.mktemp("classroom"), server=False) as made:
        yield made


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


def check_nothing_forbidden(stack: Stack) -> None:
    """Neither a role nor a network beside those of the account."""
    assert [role["RoleName"] for role in client(stack.cloud, "iam").list_roles()["Roles"]] == [ROLE]
    assert [vpc["IsDefault"] for vpc in client(stack.cloud, "ec2").describe_vpcs()["Vpcs"]] == [True]


def test_no_role_no_network_and_no_server_is_made(classroom: Stack) -> None:
    check_nothing_forbidden(classroom)
    assert classroom.target.clients.ecs.list_clusters()["clusterArns"] == []
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


def test_a_world_meets_at_a_server_in_the_network_that_exists(tmp_path: Path) -> None:
    with locked_down(tmp_path, server=True) as stack:
        check_nothing_forbidden(stack)
        found = run(stack, BARRIER, world_size=2)
        assert found["status"] == "SUCCEEDED", found
