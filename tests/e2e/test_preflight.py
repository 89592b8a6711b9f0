"""The checks before a run on AWS, against an embedded AWS that stands for the account."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.targets.preflight.checks import Check, Preflight
from tests.e2e.support.stack import COMMAND, Stack

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NO_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:x"
FUNCTIONS = {"execute": "cosmic-execute", "find_rendezvous": "cosmic-find-rendezvous"}
NAMES = [
    "credentials",
    "region",
    "state machine",
    "bucket",
    "functions",
    "images",
    "concurrency",
    "fargate quota",
    "rendezvous",
]


@pytest.fixture(scope="module")
def account(stack: Stack) -> Stack:
    """The deployment with images in its registry, which the embedded AWS does not need otherwise."""
    ecr = stack.target.clients.ecr
    there = {repository["repositoryName"] for repository in ecr.describe_repositories()["repositories"]}
    for uri in stack.deployment.images.values():
        repository, _, digest = uri.partition("/")[2].partition("@")
        if repository not in there:
            ecr.create_repository(repositoryName=repository)
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "name": repository})
        ecr.put_image(
            repositoryName=repository,
            imageManifest=manifest,
            imageManifestMediaType=MANIFEST,
            imageDigest=digest,
            imageTag="deployed",
        )
    return stack


def checks(stack: Stack, deployment: Deployment | None = None, world_size: int = 4) -> dict[str, Check]:
    found = Preflight(stack.target.clients, deployment or stack.deployment, world_size).checks()
    return {check.name: check for check in found}


def failed(found: dict[str, Check]) -> dict[str, str]:
    return {check.name: check.detail for check in found.values() if not check.ok}


def command(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user of an account runs it, with the embedded AWS for an endpoint."""
    cloud = stack.cloud
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment |= {**cloud.environment(), "COLUMNS": "200", "COSMIC_STATE": str(stack.state / "aws-user")}
    environment |= {
        "TF_CLI_ARGS_output": f"-state={stack.terraform_state}",
        "TF_DATA_DIR": str(stack.state / "terraform-data"),
    }
    return subprocess.run(
        [*COMMAND, "--target", "aws", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_everything_is_there(account: Stack) -> None:
    found = checks(account)
    assert list(found) == NAMES
    assert failed(found) == {}
    assert found["concurrency"].detail == "1000 at a time, 4 needed"
    assert found["rendezvous"].detail.startswith(
        ("starts when an execution needs it", "answers at 127.0.0.1:")
    )


def test_a_deployment_without_a_server_runs_what_does_not_meet(account: Stack) -> None:
    deployment = replace(account.deployment, rendezvous={"mode": "none"})
    assert failed(checks(account, deployment, world_size=1)) == {}
    apart = Preflight(account.target.clients, deployment, 4, meets=False).checks()
    assert [check.detail for check in apart if not check.ok] == []


def test_the_command_shows_every_check_and_starts_nothing(account: Stack) -> None:
    before = account.keys("executions/")
    done = command(account, "--world-size", "4", "--preflight")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        assert f"  ok     {name}: " in done.stdout
    assert account.keys("executions/") == before


def test_a_run_that_would_fail_is_not_started(account: Stack) -> None:
    done = command(account, "--world-size", "2000", "--preflight")
    assert done.returncode == 1
    assert "FAILED concurrency: the account allows 1000 functions at a time" in done.stdout
    assert "Error: 1 of the checks above failed; nothing was started." in done.stdout


@pytest.mark.parametrize("change", ["account", "expired"])
def test_credentials(account: Stack, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = account.deployment
    if change == "account":
        arn = deployment.state_machine_arn.replace("123456789012", "210987654321")
        found = checks(account, replace(deployment, state_machine_arn=arn))
        sentence = "your credentials are of account 123456789012, but the deployment is in 210987654321"
    else:

        def expired() -> None:
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "GetCallerIdentity")

        monkeypatch.setattr(account.target.clients.sts, "get_caller_identity", expired)
        found, sentence = checks(account), "AWS does not accept your credentials"
    assert list(found) == ["credentials"]
    assert sentence in failed(found)["credentials"]
    assert "AWS_PROFILE" in failed(found)["credentials"]


def test_no_credentials_at_all(account: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = Clients(boto3.Session(region_name="us-east-1"), account.cloud.endpoint_url)
    [check] = Preflight(clients, account.deployment, 4).checks()
    assert not check.ok
    assert "Unable to locate credentials" in check.detail


@pytest.mark.parametrize(
    ("changes", "name", "sentence"),
    [
        ({"region": "ap-east-1"}, "region", "has not opted in to ap-east-1: enable it"),
        (
            {"rendezvous": {"mode": "none"}},
            "rendezvous",
            "has 4 ranks, and the deployment has no rendezvous server",
        ),
        ({"region": "mars-1"}, "region", "no region 'mars-1'"),
        (
            {"state_machine_arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x"},
            "state machine",
            "is gone",
        ),
        ({"bucket": "no-such-bucket-here"}, "bucket", "cannot be read (404)"),
        ({"functions": {**FUNCTIONS, "other": "no-such"}}, "functions", "no-such is gone"),
        ({"architecture": "arm64"}, "functions", "is not of architecture arm64"),
        (
            {"images": {"executor": "1.dkr/cosmic/executor:no-such"}},
            "images",
            r"""ARGS="-replace='module.registry.module.image[\"executor\"].terraform_data.this""",
        ),
        ({"images": {"executor": "1.dkr/no/repository@sha256:12"}}, "images", "there is no repository"),
    ],
    ids=str,
)
def test_what_is_missing_is_named(
    account: Stack, changes: dict[str, object], name: str, sentence: str
) -> None:
    wrong = failed(checks(account, replace(account.deployment, **changes)))  # type: ignore[arg-type]
    assert sentence in wrong[name]
    assert wrong[name].endswith(".")


@contextmanager
def reserved(stack: Stack, concurrency: int) -> Iterator[None]:
    functions, name = stack.target.clients.functions, stack.deployment.functions["execute"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)
    yield
    functions.delete_function_concurrency(FunctionName=name)


def test_concurrency(account: Stack) -> None:
    too_many = failed(checks(account, world_size=1001))
    assert list(too_many) == ["concurrency"]
    assert (
        "aws service-quotas request-service-quota-increase --service-code lambda" in too_many["concurrency"]
    )
    with reserved(account, 3):
        assert "reserved_concurrency" in failed(checks(account))["concurrency"]
        assert failed(checks(account, world_size=3)) == {}


def test_an_index_cannot_run_on_lambda(account: Stack) -> None:
    ecr = account.target.clients.ecr
    kind = "application/vnd.oci.image.index.v1+json"
    manifest = f'{{"schemaVersion": 2, "mediaType": "{kind}", "manifests": []}}'
    ecr.put_image(
        repositoryName="cosmic/executor",
        imageManifest=manifest,
        imageManifestMediaType=kind,
        imageTag="index",
    )
    images = {"executor": "1.dkr/cosmic/executor:index"}
    wrong = failed(checks(account, replace(account.deployment, images=images)))
    assert "--provenance=false" in wrong["images"]


def test_a_quota_that_leaves_no_room(account: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    quotas = account.target.clients.quotas
    assert checks(account)["fargate quota"].detail == "6 vCPUs, 0.25 needed"
    monkeypatch.setattr(quotas, "get_service_quota", lambda **_: {"Quota": {"Value": 0.0}})
    assert "ask for more (Service Quotas, AWS Fargate" in failed(checks(account))["fargate quota"]


def test_a_rendezvous_service_that_is_gone(account: Stack) -> None:
    for key, value in {"service": "no-such", "cluster": "no-such"}.items():
        deployment = replace(account.deployment, rendezvous={**account.deployment.rendezvous, key: value})
        assert "is gone: run `make deploy`" in failed(checks(account, deployment))["rendezvous"]


def test_a_server_that_is_always_on_but_is_not(account: Stack) -> None:
    rendezvous = {**account.deployment.rendezvous, "mode": "always-on"}
    clients = account.target.clients
    clients.ssm.put_parameter(Name="/test/nothing", Value="pending", Type="String")
    deployment = replace(account.deployment, rendezvous={**rendezvous, "parameter": "/test/nothing"})
    wrong = failed(checks(account, deployment))["rendezvous"]
    assert "switched off" in wrong or "does not run (yet)" in wrong


def test_a_server_that_could_not_start_the_last_time(account: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = account.target.clients
    parameter = account.deployment.rendezvous["parameter"]
    published = clients.ssm.get_parameter(Name=parameter)["Parameter"].get("Value", "")
    clients.ssm.put_parameter(Name=parameter, Value="pending", Overwrite=True)
    rendezvous = account.deployment.rendezvous
    [service] = clients.ecs.describe_services(
        cluster=rendezvous["cluster"], services=[rendezvous["service"]]
    )["services"]
    started = datetime(2026, 11, 21, tzinfo=UTC)
    tasks = [
        {
            "createdAt": started + timedelta(hours=1),
            "stopCode": "TaskFailedToStart",
            "stoppedReason": "no image",
            "taskDefinitionArn": service["taskDefinition"],
        },
        {
            "createdAt": started,
            "stopCode": "EssentialContainerExited",
            "taskDefinitionArn": service["taskDefinition"],
        },
    ]
    monkeypatch.setattr(clients.ecs, "list_tasks", lambda **_: {"taskArns": ["one", "two"]})
    monkeypatch.setattr(clients.ecs, "describe_tasks", lambda **_: {"tasks": tasks})
    try:
        assert "could not start the last time (no image)" in failed(checks(account))["rendezvous"]
        # Another apply has mended it since. ECS shows a stopped task for an hour, which nobody wants to wait.
        tasks[0]["taskDefinitionArn"] = service["taskDefinition"] + "0"
        assert failed(checks(account)) == {}
        tasks[0]["taskDefinitionArn"] = service["taskDefinition"]
        tasks[0]["createdAt"] = started - timedelta(hours=1)
        assert failed(checks(account)) == {}
    finally:
        clients.ssm.put_parameter(Name=parameter, Value=published, Overwrite=True)


def test_worlds_of_one_need_no_server(account: Stack) -> None:
    deployment = replace(account.deployment, rendezvous={})
    assert failed(checks(account, deployment, world_size=1)) == {}
