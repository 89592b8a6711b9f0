#!/usr/bin/env python3
"""Build one image in AWS CodeBuild, for who has no Docker, unless its tag is in the repository already.

Called by Terraform, which sets the variables and the repository as the working directory; see main.tf.
"""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    sys.exit("CodeBuild is started with boto3: run terraform with the repository's .venv/bin first on PATH.")

POLL_S = 5.0
_LAST_LINES = 60
_READABLE = 0o644


def main(settings: Mapping[str, str] = os.environ, poll_s: float = POLL_S) -> int:
    """Upload the context, build, wait; 0 when the image is in its repository."""
    repository, tag = settings["REPOSITORY_URL"], settings["IMAGE_TAG"]
    session = boto3.Session(region_name=settings["AWS_REGION"])
    try:
        if exists(session, repository.split("/", 1)[1], tag):
            print(f"{repository}:{tag} is there already")
            return 0
        return build(session, settings, poll_s)
    except (BotoCoreError, ClientError) as error:
        print(f"CodeBuild cannot be used: {error}", file=sys.stderr)
        return 1


def exists(session: boto3.Session, repository: str, tag: str) -> bool:
    """Whether the repository has an image with this tag."""
    try:
        session.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def build(session: boto3.Session, settings: Mapping[str, str], poll_s: float) -> int:
    """Run one build to its end; whatever comes, neither it nor its source is left behind."""
    s3, codebuild = session.client("s3"), session.client("codebuild")
    bucket, key = settings["SOURCE_BUCKET"], f"builds/{settings['IMAGE_TAG']}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=archive(settings["CONTEXT"].splitlines()))
    started = None
    try:
        started = codebuild.start_build(
            projectName=settings["CODEBUILD_PROJECT"],
            sourceTypeOverride="S3",
            sourceLocationOverride=f"{bucket}/{key}",
            environmentVariablesOverride=[
                {"name": name, "value": settings[name], "type": "PLAINTEXT"}
                for name in ("REPOSITORY_URL", "IMAGE_TAG", "DOCKERFILE", "PLATFORM", "BUILD_ARGS")
            ],
        )["build"]
        ended = wait(codebuild, started["id"], poll_s)
    except BaseException:  # Ctrl-C in Terraform is one of them
        if started is not None:
            codebuild.stop_build(id=started["id"])
        raise
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
    if ended["buildStatus"] == "SUCCEEDED":
        return 0
    print(f"The build {ended['id']} ended as {ended['buildStatus']}. The end of its log:", file=sys.stderr)
    print(log_tail(session, ended), file=sys.stderr)
    return 1


def archive(paths: list[str]) -> bytes:
    """A zip with these files of the working directory; anybody may read them, whatever their modes here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for path in paths:
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | _READABLE) << 16
            made.writestr(info, Path(path).read_bytes())
    return buffer.getvalue()


def wait(codebuild: Any, build: str, poll_s: float) -> dict[str, Any]:  # noqa: ANN401 - a boto3 client
    """The build when it has ended, with a line of progress for every phase."""
    phase = ""
    while True:
        [found] = codebuild.batch_get_builds(ids=[build])["builds"]
        if found.get("currentPhase", "") != phase:
            phase = found["currentPhase"]
            print(f"CodeBuild: {phase}", flush=True)
        if found["buildStatus"] != "IN_PROGRESS":
            ended: dict[str, Any] = found
            return ended
        time.sleep(poll_s)


def log_tail(session: boto3.Session, ended: Mapping[str, Any]) -> str:
    """The last lines of a build's log; a sentence where there is none."""
    place = ended.get("logs", {})
    if not place.get("groupName") or not place.get("streamName"):
        return f"(it has no log; its phases: {json.dumps(ended.get('phases', []), default=str)})"
    events = session.client("logs").get_log_events(
        logGroupName=place["groupName"], logStreamName=place["streamName"], limit=_LAST_LINES
    )["events"]
    return "".join(event["message"] for event in events)


if __name__ == "__main__":
    sys.exit(main())
