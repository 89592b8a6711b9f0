"""modules/image/build_with_docker.sh logs in to ECR: two at once, in the region that Terraform names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "terraform" / "modules" / "image" / "build_with_docker.sh"
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

# Stands for Docker. The keychain refuses the first login; `building` is the exit status of a build.
DOCKER = """#!/bin/sh
case $1 in
  login)
    cat >>"$RECORD"
    [ -e "$RECORD.there" ] && exit
    touch "$RECORD.there"
    echo "The specified item already exists in the keychain." >&2
    exit 1 ;;
  manifest) exit 1 ;;
  build) exit {building} ;;
esac
"""

# boto3 for the script's few lines of Python: without a region its clients cannot be made.
BOTO3 = """
import base64, os
def client(service, region_name=None):
    assert region_name or os.environ.get("AWS_DEFAULT_REGION"), "You must specify a region."
    return Client(region_name)
class Client:
    def __init__(self, region): self.region = region
    def get_authorization_token(self):
        token = base64.b64encode(f"AWS:password-for-{self.region};".encode()).decode()
        return {"authorizationData": [{"authorizationToken": token}]}
"""


def run(tmp_path: Path, building: int = 0) -> subprocess.CompletedProcess[str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER.format(building=building))
    (programs / "docker").chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)
    for name in ("sh", "cat", "grep", "sleep", "touch"):
        (programs / name).symlink_to(f"/bin/{name}")
    (tmp_path / "boto3.py").write_text(BOTO3)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "PATH": str(programs),  # without the AWS CLI
        "PYTHONPATH": str(tmp_path),
        "RECORD": str(tmp_path / "record"),
        "AWS_REGION": "eu-west-1",
        "REPOSITORY_URL": f"{REGISTRY}/team/executor",
        "IMAGE_TAG": "0123",
        "PLATFORM": "linux/amd64",
        "DOCKERFILE": "containers/executor/Dockerfile",
        "BUILD_ARGS": "",
    }
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_login_that_another_one_disturbs_is_tried_again(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "already exists in the keychain" in done.stderr
    assert (tmp_path / "record").read_text().count("password-for-eu-west-1;") == 2


@pytest.mark.parametrize("sentence", ["docker logout public.ecr.aws"])
def test_a_build_that_fails_says_what_an_old_login_does(tmp_path: Path, sentence: str) -> None:
    done = run(tmp_path, building=1)
    assert done.returncode == 1
    assert sentence in done.stderr
