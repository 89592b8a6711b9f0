"""A build does with its project's role what CodeBuild and our buildspec do; moto 5.2.5's builds do nothing.

No build runs here. One that could not have been run on AWS fails, in the phase and with the words of AWS.
"""

from __future__ import annotations

import re
from typing import Any

from moto.codebuild.models import CodeBuildBackend
from moto.codebuild.responses import CodeBuildResponse
from moto.core.exceptions import JsonRESTError

from cosmic_fmi.localcloud.iam.authority import AccessDeniedError, Authority, CannotAssumeError
from cosmic_fmi.localcloud.iam.services import CODEBUILD, RoleInUse
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.backends import ACCOUNT

_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)
_REPOSITORY = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[^.]+)\.amazonaws\.com/(?P<name>[^:@]+)")


def install(authority: Authority) -> None:
    """Put everything of this module into moto's classes."""
    create, start = CodeBuildBackend.create_project, CodeBuildResponse.start_build
    get = CodeBuildBackend.batch_get_builds
    refused: dict[str, tuple[str, str]] = {}

    def create_checked(self: MotoObject, **options: Any) -> MotoObject:  # noqa: ANN401
        role, name = options["service_role"], options["project_name"]
        try:
            authority.check_trust(role, CODEBUILD, _project_arn(self.region_name, name))
        except CannotAssumeError as error:
            message = f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}"
            raise JsonRESTError("InvalidInputException", message) from error
        return create(self, **options)

    def start_checked(self: MotoObject) -> MotoObject:
        answer = start(self)
        backend, build = self.codebuild_backend, answer.result["build"]
        role = RoleInUse(
            authority,
            build["serviceRole"],
            backend.region_name,
            f"AWSCodeBuild-{build['id'].rpartition(':')[2]}",
        )
        project = backend.codebuild_projects[build["projectName"]].project_metadata
        source = self._get_param("sourceLocationOverride") or project["source"]["location"]
        variables = {
            one["name"]: one["value"] for one in self._get_param("environmentVariablesOverride") or []
        }
        if (found := _refusal(role, build["projectName"], source, variables)) is not None:
            refused[build["id"]] = found
        return answer

    def get_checked(self: MotoObject, ids: list[str]) -> list[dict[str, Any]]:
        builds: list[dict[str, Any]] = get(self, ids)
        for build in builds:
            if build["id"] in refused:
                _fail(build, *refused[build["id"]])
        return builds

    CodeBuildBackend.create_project = create_checked
    CodeBuildResponse.start_build = start_checked
    CodeBuildBackend.batch_get_builds = get_checked


def _refusal(role: RoleInUse, project: str, source: str, variables: dict[str, str]) -> tuple[str, str] | None:
    """(phase, message) of the first thing that the role may not do."""
    phase = "DOWNLOAD_SOURCE"
    try:
        bucket = source.partition("/")[0]
        for action in ("s3:GetBucketAcl", "s3:GetBucketLocation"):
            role.check(action, f"arn:aws:s3:::{bucket}")
        for action in ("s3:GetObject", "s3:GetObjectVersion"):
            role.check(action, f"arn:aws:s3:::{source}")
        role.check_log(f"/aws/codebuild/{project}", role.session.removeprefix("AWSCodeBuild-"))
        phase = "PRE_BUILD"
        role.check("ecr:GetAuthorizationToken", "*")
        phase = "BUILD"
        if (found := _REPOSITORY.match(variables.get("REPOSITORY_URL", ""))) is not None:
            resource = f"arn:aws:ecr:{found['region']}:{ACCOUNT}:repository/{found['name']}"
            for action in _PUSH:
                role.check(action, resource)
    except AccessDeniedError as error:
        return phase, f"AccessDenied: {error}"
    return None


def _fail(build: dict[str, Any], phase: str, message: str) -> None:
    build["buildStatus"] = "FAILED"
    for each in build["phases"]:
        if each["phaseType"] == phase:
            each["phaseStatus"] = "FAILED"
            each["contexts"] = [{"statusCode": "CLIENT_ERROR", "message": message}]


def _project_arn(region: str, name: str) -> str:
    return f"arn:aws:codebuild:{region}:{ACCOUNT}:project/{name}"
