"""What moto 5.2.5 lacks in CodeBuild.

Terraform deletes a project by its ARN, moto only by its name. And a new account may have no builds: the
environment variable COSMIC_CODEBUILD_REFUSALS of the embedded AWS is how many builds it refuses at first.
"""

from __future__ import annotations

import os

from moto.codebuild.models import CodeBuildBackend
from moto.core.exceptions import JsonRESTError

from cosmic_fmi.localcloud.moto._untyped import MotoObject

REFUSALS = "COSMIC_CODEBUILD_REFUSALS"


def install() -> None:
    """Put everything of this module into moto's class."""
    delete, start = CodeBuildBackend.delete_project, CodeBuildBackend.start_build
    left = iter(range(int(os.environ.get(REFUSALS) or 0)))

    def delete_either(self: MotoObject, name: str) -> None:
        delete(self, name.rpartition("project/")[2])

    def start_within_quota(self: MotoObject, *arguments: object, **options: object) -> MotoObject:
        if next(left, None) is not None:
            message = "Cannot have more than 0 builds in queue for the account"
            raise JsonRESTError("AccountLimitExceededException", message)
        return start(self, *arguments, **options)

    CodeBuildBackend.delete_project = delete_either
    CodeBuildBackend.start_build = start_within_quota
