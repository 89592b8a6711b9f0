"""The repository's terraform/ applied to an embedded AWS, with everything that it can make."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tftest import TerraformTest

from cosmic_fmi.experiment.targets import images
from cosmic_fmi.experiment.targets.ports import free_port
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from cosmic_fmi.localcloud import EmbeddedAWS
from tests.terraform.support.workspace import ROOT, terraform_test

# A boto3 client; not all services have types here.
Client = Any

# Terraform's JSON: nested objects whose shape its documentation gives.
Json = dict[str, Any]

PREBUILT: dict[str, object] = {
    "embedded": True,
    "image_builder": "prebuilt",
    "prebuilt_images": images.uris(dict.fromkeys(images.NAMES, "0" * 64)),
}

EVERYTHING: dict[str, object] = {
    "embedded": True,
    "image_builder": "codebuild",
    "domain_name": "example.org",
    "create_zone": True,
    "extra_buckets": ["a-bucket-of-somebody-else"],
    "reserved_concurrency": 40,
    "dashboard": True,
    "budget_usd": 20,
    "budget_email": "student@university.test",
    "budget_tag_only": True,
    "tags": {"Course": "CS 6501"},
}
"""Every option at once, so that all resources and permissions of the modules are there."""

PLAIN: dict[str, object] = {
    **PREBUILT,
    "lifecycle_rules": False,
    "rendezvous_mode": "always-on",
}
"""No option, and a server that runs at once."""


@dataclass(frozen=True)
class Stack:
    """One deployment: its state, and the variables that made it."""

    terraform: Terraform
    variables: dict[str, object]

    def apply(self) -> None:
        """Make it; raises TerraformError with Terraform's own words."""
        self.terraform.init()
        self.terraform.apply(self.variables, lambda *_: None)

    def apply_part(self, *addresses: str) -> None:
        """Make only these resources and modules, with what they need."""
        self.terraform.init()
        self._tftest.apply(targets=addresses, **self._options())

    def provide_images(self, ecr: Client) -> None:
        """Put the images that CodeBuild would build into their repositories: the embedded AWS builds none.

        Terraform then finds that they are there already, by the tags that name their content.
        """
        self.terraform.init()
        target = "module.registry.module.image"
        plan = self._tftest.plan(output=True, targets=[target], **self._options())
        images_planned = plan.modules["module.registry"].child_modules
        tags = {
            address: each["values"]["input"]
            for address, module in images_planned.items()
            for each in module.resources.values()
            if each["type"] == "terraform_data"
        }
        self.apply_part("module.registry.aws_ecr_repository.this")
        for name in images.NAMES:
            [tag] = [tag for address, tag in tags.items() if f'"{name}"' in address]
            put_image(ecr, f"{self.variables['name_prefix']}/{name}", tag)

    def destroy(self) -> None:
        """Take it down."""
        self.terraform.destroy(self.variables, lambda *_: None)

    def pending_changes(self) -> list[str]:
        """What another apply would change."""
        return self.terraform.pending_changes(self.variables)

    def resources(self) -> Iterator[Json]:
        """All managed resources of the state, as `terraform show -json` describes them."""
        yield from (each for each in self.terraform.resources() if each["mode"] == "managed")

    @property
    def _tftest(self) -> TerraformTest:
        """For what Terraform (the class) has not: parts, and plans to read."""
        return terraform_test(self.terraform.root, self.terraform.environment)

    def _options(self) -> dict[str, str]:
        # In a file, because tftest would write True and None where Terraform reads true and null.
        file = self.terraform.log.parent / "tftest.tfvars.json"
        file.write_text(json.dumps(self.variables))
        return {"tf_var_file": str(file), "state": str(self.terraform.state)}


def put_image(ecr: Client, repository: str, tag: str) -> None:
    """An image without layers."""
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps({**manifest, "tag": tag}))


def make_stack(cloud: EmbeddedAWS, folder: Path, variables: dict[str, object]) -> Stack:
    """A deployment that is not applied yet, with its state in `folder`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    inherited["PATH"] = f"{Path(sys.executable).parent}:{inherited['PATH']}"  # boto3, to start CodeBuild with
    folder.mkdir(parents=True)
    terraform = Terraform(
        ROOT / "terraform",
        environment=cli_environment({**inherited, **cloud.environment()}, folder),
        log=folder / "terraform.log",
        state=folder / "terraform.tfstate",
        data_dir=folder / "data",
    )
    return Stack(terraform, {"rendezvous_port": free_port(), **variables})
