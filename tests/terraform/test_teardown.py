"""A destroy leaves nothing, whatever somebody has deleted by hand before: it depends on the state alone.

`make test-teardown` deletes each kind of thing by itself, which takes the better part of an hour.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.terraform.support.by_hand import NEEDED_BY, TABLE, WITH_ITS_OWNER, delete
from tests.terraform.support.inventory import client, list_everything
from tests.terraform.support.provider import running_provider
from tests.terraform.support.stack import EVERYTHING, Stack, make_stack
from tests.terraform.support.workspace import ROOT

pytestmark = pytest.mark.timeout(900)

FULL = bool(os.environ.get("COSMIC_TEARDOWN"))

# What AWS answers for any account, at any time.
NEVER_GONE = {"aws_availability_zones", "aws_caller_identity", "aws_iam_policy_document"}

# Terraform waits for 55 s for lifecycle rules.
VARIABLES: dict[str, object] = {"name_prefix": "team", **EVERYTHING, "lifecycle_rules": FULL}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("cloud"), ROOT) as made:
        yield made


@pytest.fixture(scope="module")
def untouched(cloud: EmbeddedAWS) -> dict[str, set[str]]:
    return list_everything(cloud)


@pytest.fixture(scope="module")
def initialised(
    cloud: EmbeddedAWS, untouched: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    del untouched  # only to be listed first
    folder = tmp_path_factory.mktemp("teardown") / "stack"
    made = make_stack(cloud, folder, VARIABLES)
    made.terraform.init()
    with running_provider(folder / "data", made.terraform.environment) as variable:
        made.terraform.environment |= variable
        yield made


@pytest.fixture
def stack(cloud: EmbeddedAWS, initialised: Stack) -> Stack:
    """The whole deployment, with images."""
    initialised.provide_images(client(cloud, "ecr"))
    initialised.apply()
    return initialised


def test_nothing_that_can_be_gone_is_looked_up(cloud: EmbeddedAWS, stack: Stack) -> None:
    everything = stack.terraform.resources()
    assert {each["type"] for each in everything if each["mode"] == "data"} <= NEVER_GONE
    kinds = {each["type"] for each in everything if each["mode"] == "managed"}
    assert kinds - WITH_ITS_OWNER == set(TABLE) - (
        set() if FULL else {"aws_s3_bucket_lifecycle_configuration"}
    )

    ecr = client(cloud, "ecr")
    for repository in ecr.describe_repositories()["repositories"]:
        name = repository["repositoryName"]
        ecr.batch_delete_image(repositoryName=name, imageIds=ecr.list_images(repositoryName=name)["imageIds"])
    assert stack.pending_changes() == [], "images that were deleted to save money are no reason to fail"


def test_everything_was_deleted_by_hand(
    cloud: EmbeddedAWS, untouched: dict[str, set[str]], stack: Stack
) -> None:
    resources = list(stack.resources())
    # Of a service in a cluster that is gone, too, the provider asks for two minutes, each time.
    kinds = [kind for kind in TABLE if kind != "aws_ecs_cluster" or FULL]
    third = len(kinds) // 3
    for group in (kinds[:third], kinds[third : 2 * third], kinds[2 * third :]):
        assert delete(cloud, resources, group)
        assert stack.pending_changes(), "what is gone would be made again"
    stack.destroy()
    assert list_everything(cloud) == untouched


@pytest.mark.parametrize("kind", sorted(TABLE) if FULL else ["aws_ecr_repository"])
def test_one_kind_was_deleted_by_hand(
    cloud: EmbeddedAWS, untouched: dict[str, set[str]], stack: Stack, kind: str
) -> None:
    assert delete(cloud, stack.resources(), [kind, *NEEDED_BY.get(kind, ())])
    stack.destroy()
    assert list_everything(cloud) == untouched
