"""modules/image/build_with_codebuild.py: on the embedded AWS, whose builds succeed, and one that fails."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import client, create_role

SCRIPT = Path(__file__).parents[2] / "terraform" / "modules" / "image" / "build_with_codebuild.py"
SETTINGS = {
    "AWS_REGION": "us-east-1",
    "REPOSITORY_URL": "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/executor",
    "IMAGE_TAG": "0123abcd",
    "PLATFORM": "linux/amd64",
    "DOCKERFILE": "containers/executor/Dockerfile",
    "BUILD_ARGS": "BASE_IMAGE=x",
    "CODEBUILD_PROJECT": "team-images",
    "SOURCE_BUCKET": "sources",
    "CONTEXT": "a.txt\nfolder/b.txt",
}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context of two files beside one that does not belong to it."""
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "folder/b.txt", "secret.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAWS]:
    """An embedded AWS with a repository, a bucket and a project."""
    folder = tmp_path_factory.mktemp("codebuild")
    with EmbeddedAWS(folder, folder) as running:
        prepare(running)
        yield running


def prepare(running: EmbeddedAWS) -> None:
    """A repository, a bucket and a project."""
    client(running, "ecr").create_repository(repositoryName="team/executor")
    client(running, "s3").create_bucket(Bucket="sources")
    client(running, "codebuild").create_project(
        name="team-images",
        source={"type": "S3", "location": "sources/builds/none.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=create_role(running, "team-images"),
    )


def run(cloud: EmbeddedAWS, context: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Terraform does."""
    environment = {**os.environ, **cloud.environment(), **SETTINGS, **changed}
    return subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=context,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_builds_and_leaves_no_source_behind(cloud: EmbeddedAWS, context: Path) -> None:
    done = run(cloud, context)
    assert done.returncode == 0, done.stderr
    assert len(client(cloud, "codebuild").list_builds_for_project(projectName="team-images")["ids"]) == 1
    assert client(cloud, "s3").list_objects_v2(Bucket="sources")["KeyCount"] == 0


def test_builds_nothing_when_the_tag_is_there(cloud: EmbeddedAWS, context: Path) -> None:
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    client(cloud, "ecr").put_image(
        repositoryName="team/executor", imageTag="there", imageManifest=json.dumps({**manifest, "layers": []})
    )
    before = client(cloud, "codebuild").list_builds_for_project(projectName="team-images")["ids"]
    done = run(cloud, context, IMAGE_TAG="there")
    assert (done.returncode, "is there already" in done.stdout) == (0, True), done.stderr
    assert client(cloud, "codebuild").list_builds_for_project(projectName="team-images")["ids"] == before


def test_what_aws_refuses_is_one_sentence(cloud: EmbeddedAWS, context: Path) -> None:
    done = run(cloud, context, CODEBUILD_PROJECT="nobody")
    assert done.returncode == 1
    assert done.stderr.startswith("CodeBuild cannot be used: ")
    assert client(cloud, "s3").list_objects_v2(Bucket="sources")["KeyCount"] == 0


def test_a_new_account_builds_when_its_quota_allows_it(
    tmp_path: Path, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMIC_CODEBUILD_REFUSALS", "1")
    with EmbeddedAWS(tmp_path / "cloud", tmp_path) as cloud:
        prepare(cloud)
        done = run(cloud, context)
        assert done.returncode == 0, done.stderr
        assert "Cannot have more than 0 builds in queue for the account; waiting" in done.stdout
        assert len(client(cloud, "codebuild").list_builds_for_project(projectName="team-images")["ids"]) == 1


def test_an_account_without_builds_says_what_to_ask_for(
    tmp_path: Path, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMIC_CODEBUILD_REFUSALS", "1000000")
    with EmbeddedAWS(tmp_path / "cloud", tmp_path) as cloud:
        prepare(cloud)
        done = run(cloud, context, CODEBUILD_PATIENCE_S="0.01", PLATFORM="linux/arm64")
        assert done.returncode == 1
        assert "--service-code codebuild --quota-code L-5ED1D25B" in done.stderr
        assert "Traceback" not in done.stderr
        assert client(cloud, "s3").list_objects_v2(Bucket="sources")["KeyCount"] == 0


def test_one_build_after_the_other(cloud: EmbeddedAWS, context: Path) -> None:
    with runpy.run_path(str(SCRIPT))["alone"](SETTINGS["CODEBUILD_PROJECT"]):
        environment = {**os.environ, **cloud.environment(), **SETTINGS, "IMAGE_TAG": "second"}
        second = subprocess.Popen([sys.executable, str(SCRIPT)], cwd=context, env=environment)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=3)
    assert second.wait(timeout=60) == 0


class FailingCodeBuild:
    """CodeBuild with one build, which fails, or during which the user presses Ctrl-C; and S3 and its log."""

    def __init__(self, interrupted: bool, new_role: bool = False) -> None:
        self.interrupted = interrupted
        self.new_role = new_role
        self.objects: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.stopped: list[str] = []
        self.looks = 0

    def client(self, _service: str) -> FailingCodeBuild:
        return self

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's names
        self.objects[f"{Bucket}/{Key}"] = Body
        self.sent = zipfile.ZipFile(io.BytesIO(Body)).namelist()

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[f"{Bucket}/{Key}"]

    def start_build(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        assert options["sourceLocationOverride"] in self.objects
        return {"build": {"id": "build:1"}}

    def stop_build(self, id: str) -> None:  # noqa: A002
        self.stopped.append(id)

    def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
        self.looks += 1
        if self.looks == 1:
            return {"builds": [{"id": ids[0], "currentPhase": "BUILD", "buildStatus": "IN_PROGRESS"}]}
        if self.interrupted:
            raise KeyboardInterrupt
        if self.new_role and self.looks == 2:
            denied = {"phaseType": "PROVISIONING", "contexts": [{"statusCode": "ACCESS_DENIED"}]}
            failed = {"id": ids[0], "currentPhase": "COMPLETED", "buildStatus": "FAILED", "phases": [denied]}
            return {"builds": [failed]}
        if self.new_role:
            return {"builds": [{"id": ids[0], "currentPhase": "COMPLETED", "buildStatus": "SUCCEEDED"}]}
        logs = {"groupName": "/aws/codebuild/team-images", "streamName": "1"}
        return {
            "builds": [{"id": ids[0], "currentPhase": "COMPLETED", "buildStatus": "FAILED", "logs": logs}]
        }

    def get_log_events(self, **_options: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"events": [{"message": "ERROR: no matching distribution found\n"}]}


def _build(fake: FailingCodeBuild, context: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(context)
    status: int = runpy.run_path(str(SCRIPT))["build"](fake, SETTINGS, 0.0, 10.0)
    return status


def test_failed_build_shows_the_end_of_its_log(
    context: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FailingCodeBuild(interrupted=False)
    assert _build(fake, context, monkeypatch) == 1
    assert "ended as FAILED" in (printed := capsys.readouterr().err)
    assert "no matching distribution found" in printed
    assert (fake.sent, fake.objects) == (["a.txt", "folder/b.txt"], {})


def test_a_role_that_is_not_known_everywhere_yet_is_tried_again(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FailingCodeBuild(interrupted=False, new_role=True)
    assert _build(fake, context, monkeypatch) == 0
    assert (fake.looks, fake.objects) == (3, {})


def test_interrupt_stops_the_build(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FailingCodeBuild(interrupted=True)
    with pytest.raises(KeyboardInterrupt):
        _build(fake, context, monkeypatch)
    assert (fake.stopped, fake.objects) == (["build:1"], {})


def test_what_only_its_owner_reads_is_readable_where_it_is_built(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(context)
    (context / "a.txt").chmod(0o600)
    made = runpy.run_path(str(SCRIPT))["archive"](["a.txt", "folder/b.txt"])
    with zipfile.ZipFile(io.BytesIO(made)) as found:
        assert {info.filename: info.external_attr >> 16 & 0o777 for info in found.infolist()} == {
            "a.txt": 0o644,
            "folder/b.txt": 0o644,
        }
        assert found.read("a.txt") == b"a.txt"
