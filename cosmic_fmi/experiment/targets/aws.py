"""The deployment in an AWS account as a target."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmic_fmi.common.checkout import DEPLOY
from cosmic_fmi.experiment.aws.clients import Clients, session
from cosmic_fmi.experiment.aws.executions import stop_running
from cosmic_fmi.experiment.errors import PreflightError, TargetError, TerraformError
from cosmic_fmi.experiment.packages.platform import FunctionPlatform, of_image
from cosmic_fmi.experiment.paths import LOCAL_STATE, project_folder
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.targets.preflight.checks import Preflight, check_account
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from cosmic_fmi.experiment.ui.console import Reporter


class AwsTarget:
    """The deployment that ``make deploy`` made in the AWS account of the environment's credentials."""

    name = "aws"
    poll_s = 1.0
    log_wait_s = 60.0

    def __init__(
        self,
        repository: Path | None = None,
        state: Path = LOCAL_STATE,
        world_size: int = 1,
        *,
        meets: bool = True,
    ) -> None:
        self.repository = repository or project_folder()
        self.state = state
        self.world_size = world_size
        """Ranks of the largest world that is going to run; the account has to allow them."""
        self.meets = meets
        """Whether ranks connect to each other, for which a world needs the rendezvous server."""
        self._clients: Clients | None = None

    @property
    def clients(self) -> Clients:
        """Clients for the account, in the deployment's region."""
        if self._clients is None:
            raise TargetError("the deployment is not known yet: prepare the target first")
        return self._clients

    def terraform(self) -> Terraform:
        """Terraform on the state that ``make deploy`` uses."""
        environment = cli_environment(os.environ, self.state)
        return Terraform(
            self.repository / "terraform", environment=environment, log=self.state / "aws" / "terraform.log"
        )

    def prepare(self, reporter: Reporter) -> Deployment:
        """Read the deployment from Terraform's state, and check everything that a run needs of it."""
        deployment = self.look_up(reporter)
        self.preflight(deployment, reporter)
        return deployment

    def look_up(self, reporter: Reporter) -> Deployment:
        """The deployment as Terraform's state has it; raises :class:`TargetError` when there is none."""
        with reporter.step("Looking up the deployment on AWS"):
            outputs = self.terraform().output()
            if not outputs:
                raise TargetError(f"nothing is deployed on AWS yet: run `{DEPLOY}` first")
            deployment = Deployment.from_outputs(outputs)
            self._clients = Clients(session(deployment.region))
        return deployment

    def preflight(self, deployment: Deployment, reporter: Reporter) -> None:
        """Make every check and show them all; raises :class:`PreflightError` when one is not met."""
        failed = 0
        found = Preflight(self.clients, deployment, self.world_size, self.meets, reporter.message)
        for check in found.checks():
            mark, style = ("ok", None) if check.ok else ("FAILED", "red")
            reporter.message(f"  {mark:6} {check.name}: {check.detail}", style, important=not check.ok)
            failed += not check.ok
        if failed:
            raise PreflightError(f"{failed} of the checks above failed; nothing was started.")

    def destroy(self, reporter: Reporter) -> bool:
        """Remove everything that ``make deploy`` made; False when Terraform's state holds nothing.

        Executions that run are stopped first. Raises :class:`PreflightError` for credentials of another
        account.
        """
        with reporter.step("Destroying the deployment on AWS") as step:
            terraform = self.terraform()
            terraform.init()
            resources = terraform.resources()
            if not any(resource["mode"] == "managed" for resource in resources):
                return False
            outputs, account = terraform.output(), _account(resources)
            clients = Clients(session(outputs.get("region")))
            # In another region or account Terraform would find nothing, and forget everything that is there.
            if account is not None:
                check_account(clients, account)
            if "state_machine_arn" in outputs:
                stop_running(clients.stepfunctions, outputs["state_machine_arn"], reporter.message)
            try:
                terraform.destroy(_variables(terraform, outputs), step.update)
            except TerraformError as error:
                if account is None or "region" not in outputs:
                    raise
                reporter.message(f"{error}\nGoing on with what the state says, without looking first.")
                terraform.destroy(_variables(terraform, outputs), step.update, refresh=False)
        return True

    def function_platform(self, deployment: Deployment) -> FunctionPlatform:
        """The image of the deployment's architecture."""
        return of_image(deployment.architecture)

    def release(self, *, abandoned: bool) -> None:
        """Nothing to do: the deployment stays until ``make destroy``."""


def _variables(terraform: Terraform, outputs: Mapping[str, Any]) -> dict[str, object]:
    """Variables of a destroy, which removes what the state holds, whatever was in terraform.tfvars since.

    Only the region matters, and names; null is the default of all others.
    """
    known = {name: outputs[name] for name in ("region", "name_prefix") if name in outputs}
    return {**dict.fromkeys(terraform.variables()), **known} if "region" in known else known


def _account(resources: Sequence[Mapping[str, Any]]) -> str | None:
    """The account that Terraform applied to, as its data source saw it; None when it did not get that far."""
    seen = [item["values"] for item in resources if item.get("type") == "aws_caller_identity"]
    return str(seen[0]["account_id"]) if seen else None
