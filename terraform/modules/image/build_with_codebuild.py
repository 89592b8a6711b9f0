#!/usr/bin/env python3
"""Build one image in AWS CodeBuild, for who has no Docker, unless its tag is in the repository already.

Called by Terraform, which sets the variables and the repository as the working directory; see main.tf.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    sys.exit("CodeBuild is started with boto3: run terraform with the repository's .venv/bin first on PATH.")

POLL_S = 5.0
PATIENCE_S = 900.0
"""How long to wait for other builds to end."""
ROLE_S = 120.0
"""How long a role that was just made may take to be known everywhere."""
QUOTAS = {
    "linux/amd64": ("Concurrently running builds for Linux/Small environment", "L-9D07B6EF"),
    "linux/arm64": ("Concurrently running builds for ARM/Small environment", "L-5ED1D25B"),
}
"""Names and codes in Service Quotas of what limits a platform's builds; a new account may have 0 or 1."""
_LAST_LINES = 60
_READABLE = 0o644


class QuotaError(Exception):
    """The account may not run a build; the message says what to ask for."""


def main(settings: Mapping[str, str] = os.environ, poll_s: float = POLL_S) -> int:
    """Upload the context, build, wait; 0 when the image is in its repository."""
    repository, tag = settings["REPOSITORY_URL"], settings["IMAGE_TAG"]
    session = boto3.Session(region_name=settings["AWS_REGION"])
    patience_s = float(settings.get("CODEBUILD_PATIENCE_S") or PATIENCE_S)
    try:
        with alone(settings["CODEBUILD_PROJECT"]):
            if exists(session, repository.split("/", 1)[1], tag):
                print(f"{repository}:{tag} is there already")
                return 0
            return build(session, settings, poll_s, patience_s)
    except QuotaError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"CodeBuild cannot be used: {error}", file=sys.stderr)
    return 1


@contextmanager
def alone(project: str) -> Iterator[None]:
    """One build after the other: Terraform asks for both images at once, and a new account may run one."""
    with (Path(tempfile.gettempdir()) / f"{project}-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def exists(session: boto3.Session, repository: str, tag: str) -> bool:
    """Whether the repository has an image with this tag."""
    try:
        session.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def build(session: boto3.Session, settings: Mapping[str, str], poll_s: float, patience_s: float) -> int:
    """Run one build to its end; whatever comes, neither it nor its source is left behind."""
    s3, codebuild = session.client("s3"), session.client("codebuild")
    bucket, key = settings["SOURCE_BUCKET"], f"builds/{settings['IMAGE_TAG']}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=archive(settings["CONTEXT"].splitlines()))
    started = None
    begun = time.monotonic()
    try:
        while True:
            started = start(codebuild, settings, f"{bucket}/{key}", poll_s, patience_s)
            ended = wait(codebuild, started["id"], poll_s)
            if not role_is_unknown(ended) or time.monotonic() - begun > min(ROLE_S, patience_s):
                break
            print("CodeBuild cannot use its new role yet; once more ...", flush=True)
            time.sleep(poll_s)
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


def start(
    codebuild: Any,  # noqa: ANN401 - a boto3 client
    settings: Mapping[str, str],
    source: str,
    poll_s: float,
    patience_s: float,
) -> dict[str, Any]:
    """A build that has been started, as soon as the account may start one.

    Raises QuotaError when it still may not after ``patience_s`` seconds.
    """
    begun = time.monotonic()
    while True:
        try:
            started: dict[str, Any] = codebuild.start_build(
                projectName=settings["CODEBUILD_PROJECT"],
                sourceTypeOverride="S3",
                sourceLocationOverride=source,
                environmentVariablesOverride=[
                    {"name": name, "value": settings[name], "type": "PLAINTEXT"}
                    for name in ("REPOSITORY_URL", "IMAGE_TAG", "DOCKERFILE", "PLATFORM", "BUILD_ARGS")
                ],
            )["build"]
            return started
        except ClientError as error:
            waited = time.monotonic() - begun
            if not may_pass(error):
                raise
            if waited > patience_s:
                raise QuotaError(advice(error, settings)) from error
            print(
                f"CodeBuild: {error.response['Error']['Message']}; waiting, {waited:.0f} s so far", flush=True
            )
            time.sleep(poll_s)


def may_pass(error: ClientError) -> bool:
    """Whether a refusal ends by itself: other builds end, and a new role becomes known everywhere."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    new_role = code == "InvalidInputException" and "assume" in message.lower()
    return code == "AccountLimitExceededException" or new_role


def role_is_unknown(ended: Mapping[str, Any]) -> bool:
    """Whether a build failed before it began because its role, or the role's policy, was not known yet."""
    contexts = [
        context
        for phase in ended.get("phases", [])
        if phase["phaseType"] in ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE")
        for context in phase.get("contexts", [])
    ]
    return any(context.get("statusCode") == "ACCESS_DENIED" for context in contexts)


def advice(error: ClientError, settings: Mapping[str, str]) -> str:
    """What to do when waiting did not help."""
    if error.response["Error"]["Code"] != "AccountLimitExceededException":
        return f"CodeBuild still cannot take the project's role: {error.response['Error']['Message']}"
    name, code = QUOTAS[settings["PLATFORM"]]
    return (
        f"CodeBuild refuses to build ({error.response['Error']['Message']}): "
        f'ask for a quota of 2 of "{name}" with\n'
        f"  aws service-quotas request-service-quota-increase --service-code codebuild --quota-code {code} "
        f"--desired-value 2 --region {settings['AWS_REGION']}\n"
        "It is free and takes hours to days. "
        'With a Docker engine, image_builder = "docker" needs no CodeBuild.'
    )


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
