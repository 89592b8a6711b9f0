"""What moto 5.2.5 lacks in CodeBuild: Terraform deletes a project by its ARN, moto only by its name."""

from __future__ import annotations

from moto.codebuild.models import CodeBuildBackend

from cosmic_fmi.localcloud.moto._untyped import MotoObject


def install() -> None:
    """Let moto's class take either."""
    delete = CodeBuildBackend.delete_project

    def delete_either(self: MotoObject, name: str) -> None:
        delete(self, name.rpartition("project/")[2])

    CodeBuildBackend.delete_project = delete_either
