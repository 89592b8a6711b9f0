"""apply → plan without changes → destroy → nothing left, with every option, for two teams in one account."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmic_fmi.experiment.errors import TerraformError
from cosmic_fmi.experiment.targets import images
from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import wait_for
from tests.terraform.support import permissions
from tests.terraform.support.inventory import client, list_everything
from tests.terraform.support.provider import VARIABLE, running_provider
from tests.terraform.support.stack import EVERYTHING, PLAIN, Json, Stack, make_stack
from tests.terraform.support.workspace import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which is deprecated
    from parliament import analyze_policy_string

# Terraform waits for services more than it computes: minutes when the machine is busy.
pytestmark = pytest.mark.timeout(900)

# AWS defines no resources for these actions.
RESOURCELESS = {
    "ec2:DescribeNetworkInterfaces",
    "ecr:GetAuthorizationToken",
    "lambda:GetAccountSettings",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}

# parliament wants a resource of every type that AWS lists for an action, express executions too.
MISTAKEN = [
    (
        "RESOURCE_MISMATCH",
        [{"action": "states:DescribeExecution", "required_format": "arn:*:states:*:*:express:*:*:*"}],
    ),
    # A repository's policy is about that repository, and must not name a resource.
    ("MALFORMED", "Statement contains neither Resource nor NotResource"),
]

ELSEWHERE: dict[str, object] = {
    "region": "eu-west-1",
    "prebuilt_images": {
        name: uri.replace("us-east-1", "eu-west-1")
        for name, uri in images.uris(dict.fromkeys(images.NAMES, "0" * 64)).items()
    },
}

# Kinds that no variant of the deployment makes: they are listed because a mistake might.
NEVER = {"policy", "user", "NAT gateway", "address", "alarm"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("cloud"), ROOT) as made:
        yield made


@pytest.fixture(scope="module")
def untouched(cloud: EmbeddedAWS) -> dict[str, set[str]]:
    """What an account has before anything is deployed: a default VPC, for example."""
    return list_everything(cloud)


@pytest.fixture(scope="module")
def stack(
    cloud: EmbeddedAWS, untouched: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    del untouched  # only to be listed first
    folder = tmp_path_factory.mktemp("first") / "stack"
    made = make_stack(cloud, folder, {"name_prefix": "team-a", **EVERYTHING})
    made.terraform.init()
    with running_provider(folder / "data", made.terraform.environment) as variable:
        made.terraform.environment |= variable
        made.provide_images(client(cloud, "ecr"))
        made.apply()
        yield made


def test_another_apply_would_change_nothing(stack: Stack) -> None:
    assert stack.pending_changes() == []


@pytest.fixture(scope="module")
def resources(stack: Stack) -> list[Json]:
    return list(stack.resources())


def test_everything_that_can_carry_tags_does(resources: list[Json]) -> None:
    tagged = {
        each["address"]: each["values"]["tags_all"] or {}
        for each in resources
        if "tags_all" in each["values"]
    }
    assert len(tagged) > 20
    wanted = {"Project": "team-a", "ManagedBy": "terraform", "Course": "CS 6501"}
    assert {address: tags for address, tags in tagged.items() if not wanted.items() <= tags.items()} == {}


def test_every_policy_passes_parliament(resources: list[Json]) -> None:
    objections = [
        (who, finding.issue, finding.detail)
        for who, policy in permissions.policies(resources)
        for finding in analyze_policy_string(policy).findings
    ]
    assert [each for each in objections if each[1:] not in MISTAKEN] == []


def test_parliament_would_object(resources: list[Json]) -> None:
    [policy] = [policy for who, policy in permissions.policies(resources) if who == "role `team-a-execute`"]
    for right, wrong in [("s3:GetObject", "s3:FetchObject"), ("/fmi/*", "")]:
        assert right in policy
        assert analyze_policy_string(policy.replace(right, wrong)).findings


def test_no_role_may_do_everything_and_few_actions_reach_everywhere(resources: list[Json]) -> None:
    found = list(permissions.statements(permissions.policies(resources)))
    allowed = [each for each in found if each.effect == "Allow"]
    assert len(allowed) > 20
    assert [each for each in allowed if any("*" in action for action in each.actions)] == []
    assert {action for each in allowed if "*" in each.resources for action in each.actions} <= RESOURCELESS


def test_a_script_cannot_write_what_others_run(resources: list[Json]) -> None:
    execute = [
        each for each in permissions.statements(permissions.policies(resources)) if "-execute`" in each.who
    ]
    denied = {
        (action, resource)
        for each in execute
        if each.effect == "Deny"
        for action in each.actions
        for resource in each.resources
    }
    [bucket] = [each["values"]["bucket"] for each in resources if each["type"] == "aws_s3_bucket"]
    assert ("s3:PutObject", f"arn:aws:s3:::{bucket}/builds/*") in denied
    assert ("s3:PutObject", f"arn:aws:s3:::{bucket}/requirements/*") in denied
    assert ("s3:PutObject", f"arn:aws:s3:::{bucket}/uploads/*") in denied


def test_only_execute_may_write_anywhere(resources: list[Json]) -> None:
    found = permissions.statements(permissions.policies(resources))
    everywhere = {
        each.who
        for each in found
        if each.effect == "Allow" and "s3:PutObject" in each.actions
        for resource in each.resources
        if re.fullmatch(r"arn:aws:s3:::[^/]+/\*", resource)
    }
    assert everywhere == {"role `team-a-execute`"}


def test_every_role_is_taken_for_this_account_only(resources: list[Json]) -> None:
    for each in resources:
        if each["type"] == "aws_iam_role":
            for statement in json.loads(each["values"]["assume_role_policy"])["Statement"]:
                account = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
                assert account == "123456789012", each["address"]


def test_the_page_of_permissions_is_current(resources: list[Json]) -> None:
    page = ROOT / "docs" / "permissions.md"
    text = permissions.page(resources, "team-a")
    if os.environ.get("COSMIC_WRITE_DOCS"):
        page.write_text(text)
    assert page.read_text() == text, "run this test with COSMIC_WRITE_DOCS=1"
    used = {each.sid for each in permissions.statements(permissions.policies(resources))}
    assert used == set(permissions.REASONS), "a reason without a statement"


def leave_something(cloud: EmbeddedAWS, stack: Stack) -> None:
    """What a semester leaves in a deployment: results, and an upload that was cut short."""
    outputs = stack.terraform.output()
    s3 = client(cloud, "s3")
    s3.put_object(Bucket=outputs["bucket"], Key="executions/1/ranks.json", Body=b"[]")
    s3.create_multipart_upload(Bucket=outputs["bucket"], Key="large")


def wait_for_server(cloud: EmbeddedAWS, stack: Stack) -> None:
    """Until the stack's always-on server, which starts after the apply, has told where it is."""
    ssm = client(cloud, "ssm")
    name = stack.terraform.output()["rendezvous"]["parameter"]
    wait_for(
        lambda: ssm.get_parameter(Name=name)["Parameter"]["Value"] != "pending",
        "the rendezvous server's announcement",
        seconds=120,
    )


def test_a_destroy_in_another_region_forgets_nothing(
    cloud: EmbeddedAWS, stack: Stack, tmp_path: Path
) -> None:
    part = make_stack(cloud, tmp_path / "part", {"name_prefix": "team-c", **PLAIN})
    part.terraform.environment[VARIABLE] = stack.terraform.environment[VARIABLE]
    # Of a whole deployment the provider looks for the ECS service for two minutes.
    part.apply_part("terraform_data.place", "module.storage")
    made = list_everything(cloud)
    with pytest.raises(TerraformError, match="This deployment is in us-east-1 of account"):
        Stack(part.terraform, {**part.variables, **ELSEWHERE}).destroy()
    assert list_everything(cloud) == made
    bucket = "module.storage.aws_s3_bucket.this"
    assert bucket in {each["address"] for each in part.resources()}
    part.destroy()
    assert list_everything(cloud) != made


def test_two_teams_share_an_account_and_nothing_is_left_of_either(
    cloud: EmbeddedAWS, untouched: dict[str, set[str]], stack: Stack, tmp_path: Path
) -> None:
    first = list_everything(cloud)
    second = make_stack(cloud, tmp_path / "second", {"name_prefix": "team-b", **PLAIN})
    second.terraform.environment[VARIABLE] = stack.terraform.environment[VARIABLE]
    second.apply()
    leave_something(cloud, second)
    wait_for_server(cloud, second)
    both = list_everything(cloud)
    assert all(first[kind] <= both[kind] for kind in both)
    empty = {kind for kind, names in both.items() if names == untouched[kind]}
    assert empty == NEVER, "a listing that finds nothing of a deployment proves nothing when it is gone"

    second.destroy()
    assert list_everything(cloud) == first
    assert stack.pending_changes() == []

    stack.destroy()
    assert list_everything(cloud) == untouched
