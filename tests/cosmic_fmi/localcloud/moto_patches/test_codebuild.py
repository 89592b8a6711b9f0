"""CodeBuild projects, as Terraform makes and deletes them."""

import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import client


@pytest.mark.parametrize("by", ["name", "arn"])
def test_a_project_is_deleted_by_name_or_arn(cloud: EmbeddedAWS, by: str) -> None:
    codebuild = client(cloud, "codebuild")
    made = codebuild.create_project(
        name="images",
        source={"type": "S3", "location": "a-bucket/none.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/test",
    )["project"]
    codebuild.delete_project(name=made[by])
    assert codebuild.list_projects()["projects"] == []
