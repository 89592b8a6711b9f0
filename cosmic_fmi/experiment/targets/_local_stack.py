"""The repository's root module, applied to one embedded AWS."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosmic_fmi.common.checkout import DESTROY
from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.common.fingerprint import fingerprint
from cosmic_fmi.experiment.errors import TerraformError, TerraformStalledError
from cosmic_fmi.experiment.targets import images
from cosmic_fmi.experiment.targets._local_root import local_root
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.targets.ports import free_port
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud.client import EmbeddedAWS

# What of the tree decides what Terraform applies; the second list only tags the image, which makes Lambda
# (and the embedded AWS) start fresh environments when code changed.
_STACK_SOURCES = ("terraform", "statemachine.asl.json")
_CODE_SOURCES = ("containers", "cosmic_fmi/__init__.py", "cosmic_fmi/common", "fmi", "fmilib", "inference")

# The slowest resource, an S3 bucket's lifecycle rules, takes 55 s. Terraform's provider waits for minutes for
# a service that is gone or fails, and for ever for one that does not answer.
_STALL_SECONDS = 120.0


class LocalStack:
    """terraform/ on one embedded AWS; Terraform's state and what was applied last are in a folder of its own.

    ``state`` is the target's folder; ``settings`` are variables of the root module, which take precedence.
    """

    def __init__(
        self, cloud: EmbeddedAWS, repository: Path, state: Path, settings: Mapping[str, object]
    ) -> None:
        self._cloud = cloud
        self._repository = repository
        self._state = state
        self._settings = settings
        self._folder = state / f"stack-{cloud.instance_id}"

    @property
    def is_half_made(self) -> bool:
        """Whether a command was killed while it applied terraform/ for the first time: then Terraform's state
        lacks what was made last, and another apply would make it again, in vain.
        """
        return self._folder.exists() and not self._record.exists()

    def apply(self, reporter: Reporter) -> Deployment:
        """Apply terraform/, unless exactly this is applied already."""
        self._folder.mkdir(parents=True, exist_ok=True)
        variables = self._variables(self._digests(reporter))
        wanted = {"stack": fingerprint(self._repository, _STACK_SOURCES), "variables": variables}
        applied = _read_json(self._record)
        if {key: applied.get(key) for key in wanted} == wanted:
            return Deployment(**applied["deployment"])
        terraform = self._terraform(reporter.message)
        with reporter.step("Installing Terraform's providers"):
            terraform.init()
        with reporter.step("Applying terraform/ to the embedded AWS") as step:
            terraform.apply(variables, step.update)
        deployment = Deployment.from_outputs(terraform.output())
        made = {**wanted, "deployment": asdict(deployment)}
        write_atomically(self._record, (json.dumps(made, indent=2) + "\n").encode())
        return deployment

    def destroy(self, reporter: Reporter) -> None:
        """Destroy what is applied, if anything is. Raises TerraformError where Terraform fails twice.

        An answer that got lost is asked for again, and what is gone by then counts as an error, which the
        second time does not find any more.
        """
        if not (self._folder / "terraform.tfstate").exists():
            return
        with reporter.step("Destroying the deployment") as step:
            applied = _read_json(self._record).get("variables")
            variables = applied or self._variables(dict.fromkeys(images.NAMES, "0" * 64))
            terraform = self._terraform(reporter.message)
            try:
                terraform.destroy(variables, step.update)
            except TerraformStalledError:
                raise
            except TerraformError:
                terraform.destroy(variables, step.update)

    def pending_changes(self) -> list[str]:
        """Addresses of the resources that another apply would change; empty when there is no drift."""
        return self._terraform(print).pending_changes(_read_json(self._record)["variables"])

    @property
    def _record(self) -> Path:
        """The file that says what was applied last."""
        return self._folder / "applied.json"

    def _digests(self, reporter: Reporter) -> dict[str, str]:
        """What names the images: their ids, or the code that stands for them where nothing is a container."""
        if self._cloud.runtime == "process":
            return dict.fromkeys(images.NAMES, fingerprint(self._repository, _CODE_SOURCES))
        with reporter.step("Building the container images") as step:
            digests = images.build(self._repository, lambda note: step.update(note=note))
            step.update(note="")
        return digests

    def _variables(self, digests: dict[str, str]) -> dict[str, object]:
        """What differs from the defaults, and what a terraform.tfvars for AWS may set but not here."""
        applied = _read_json(self._record)
        port = applied.get("variables", {}).get("rendezvous_port") or free_port()
        return {
            "name_prefix": "cosmic",
            "region": "us-east-1",
            "embedded": True,
            "domain_name": None,
            "create_zone": False,
            "image_builder": "prebuilt",
            "prebuilt_images": images.uris(digests),
            "rendezvous_mode": "on-demand",
            "lifecycle_rules": False,  # they take 55 s, and nothing gets old in an embedded AWS
            "dashboard": False,
            "budget_usd": None,
            "budget_email": None,
            "rendezvous_port": port,
            **self._settings,
        }

    def _terraform(self, notify: Callable[[str], None]) -> Terraform:
        inherited = {
            name: value
            for name, value in os.environ.items()
            # A profile, a session or Terraform settings for an account must not leak into the embedded one.
            if not name.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS")) and name != "TF_WORKSPACE"
        }
        environment = cli_environment({**inherited, **self._cloud.environment()}, self._state)
        return Terraform(
            local_root(self._repository, self._state / "repository"),
            environment=environment,
            log=self._folder / "terraform.log",
            state=self._folder / "terraform.tfstate",
            data_dir=self._state / "terraform-data",
            notify=notify,
            trouble=self._trouble,
        )

    def _trouble(self, idle: float) -> str | None:
        """Why a command that got nowhere for ``idle`` seconds will not end; None where it may."""
        if not (self._cloud.runs() or self._cloud.answers()):
            said = "the embedded AWS has ended"
        elif idle > _STALL_SECONDS:
            how = "still answers" if self._cloud.answers() else "no longer answers"
            said = f"nothing has happened for {idle:.0f} s, and the embedded AWS {how}"
        else:
            return None
        return (
            f"{said}. Take it down with `{DESTROY}`, then run this again. "
            f"The end of {self._cloud.log_file}:\n{self._cloud.log_tail()}"
        )


def forget_stacks(state: Path, *, but: str = "") -> None:
    """Remove what is kept of all instances but this one: what an embedded AWS held is gone when it ends."""
    for path in state.glob("stack-*"):
        if path.name != f"stack-{but}":
            shutil.rmtree(path, ignore_errors=True)


def _read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty when it is not there or was cut short, which only costs another apply."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
