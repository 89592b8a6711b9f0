"""The state in S3, as in terraform/examples/s3-backend: locked while in use, and never the local target's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tftest import TerraformTestError

from cosmic_fmi.experiment.targets._local_root import local_root
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from cosmic_fmi.localcloud import EmbeddedAWS
from tests.terraform.support.workspace import ROOT, terraform_test

EXAMPLE = ROOT / "terraform" / "examples" / "s3-backend" / "backend.tf"
BUCKET = "a-bucket-of-your-own"
KEY = "cosmic/terraform.tfstate"

# A configuration with something to keep a state of, and nothing that would have to be installed or made.
CONTENT = 'resource "terraform_data" "this" {}\n'


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path / "cloud", ROOT) as made:
        yield made


def s3(cloud: EmbeddedAWS) -> Any:  # noqa: ANN401 - a boto3 client
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=cloud.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="test",
    )


def test_the_state_is_in_s3_and_locked(cloud: EmbeddedAWS, tmp_path: Path) -> None:
    s3(cloud).create_bucket(Bucket=BUCKET)
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(EXAMPLE, root)
    (root / "main.tf").write_text(CONTENT)
    terraform = terraform_test(root, cli_environment({**os.environ, **cloud.environment()}, tmp_path / "cli"))
    terraform.init(init_vars={"use_path_style": "true"})  # on AWS the bucket has a host name of its own
    terraform.apply()
    assert [item["Key"] for item in s3(cloud).list_objects_v2(Bucket=BUCKET)["Contents"]] == [KEY]
    assert not (root / "terraform.tfstate").exists()

    lock = {
        "ID": "1",
        "Operation": "OperationTypeApply",
        "Who": "a-colleague",
        "Version": "1.11.4",
        "Info": "",
        "Created": "2026-01-01T00:00:00Z",
        "Path": f"{BUCKET}/{KEY}",
    }
    s3(cloud).put_object(Bucket=BUCKET, Key=f"{KEY}.tflock", Body=json.dumps(lock).encode())
    with pytest.raises(TerraformTestError) as refused:
        terraform.execute_command("apply", "-auto-approve", "-no-color", "-replace=terraform_data.this")
    assert "Error acquiring the state lock" in refused.value.cmd_error
    assert "a-colleague" in refused.value.cmd_error


def test_the_local_target_keeps_out_of_the_state_of_an_account(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(
        ROOT / "terraform",
        repository / "terraform",
        ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"),
    )
    shutil.copy(ROOT / "statemachine.asl.json", repository)
    assert local_root(repository, tmp_path / "links") == repository / "terraform"

    shutil.copy(EXAMPLE, repository / "terraform")
    root = local_root(repository, tmp_path / "links")
    assert root == local_root(repository, tmp_path / "links")  # again, as the next run does
    assert (root.parent / "statemachine.asl.json").read_text() == (ROOT / "statemachine.asl.json").read_text()
    terraform = Terraform(
        root,
        environment=cli_environment(os.environ, tmp_path / "cli"),
        log=tmp_path / "log",
        state=tmp_path / "local.tfstate",
        data_dir=tmp_path / "data",
    )
    terraform.init()  # would ask S3 for the state
    assert terraform.output() == {}
    assert not (tmp_path / "data" / "terraform.tfstate").exists()  # where Terraform notes a backend
