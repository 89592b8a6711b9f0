"""What has to be true before a run on AWS can succeed, checked all at once and before anything is paid for.

Every check looks at one thing and says what it found, or in one sentence what to change. Without credentials
of the right account the others would only say that again, and are not made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, MissingDependencyException

from cosmic_fmi.common.checkout import DEPLOY
from cosmic_fmi.experiment.errors import PreflightError
from cosmic_fmi.experiment.targets.preflight.functions import check_functions
from cosmic_fmi.experiment.targets.preflight.images import check_images
from cosmic_fmi.experiment.targets.preflight.rendezvous import NONE, check_rendezvous

if TYPE_CHECKING:
    from cosmic_fmi.experiment.aws.clients import Clients
    from cosmic_fmi.experiment.targets.deployment import Deployment

CONCURRENCY_QUOTA = "L-B99A9384"
FARGATE_QUOTA = ("fargate", "L-3032A538")
"""Service and code of "Fargate On-Demand vCPU resource count" (Service Quotas console)."""
FARGATE_VCPU = 0.25


@dataclass(frozen=True)
class Check:
    """One line of the preflight: ``detail`` says what was found, or what to change."""

    name: str
    ok: bool
    detail: str


def _silently(_: str) -> None:
    return


@dataclass(frozen=True)
class Preflight:
    """The checks of one deployment for runs of up to ``world_size`` ranks."""

    clients: Clients
    deployment: Deployment
    world_size: int
    meets: bool = True
    """Whether ranks connect to each other, for which a world needs the rendezvous server."""
    notify: Callable[[str], None] = _silently
    """Told what is waited for."""

    def checks(self) -> Iterator[Check]:
        """Make every check, one after the other."""
        account = _made("credentials", self._credentials)
        yield account
        if not account.ok:
            return
        for name, look in {
            "region": self._region,
            "state machine": self._state_machine,
            "bucket": self._bucket,
            "functions": lambda: check_functions(self.clients, self.deployment, self.notify),
            "images": lambda: check_images(self.clients, self.deployment),
            "concurrency": self._concurrency,
            "fargate quota": self._fargate_quota,
            "rendezvous": self._rendezvous,
        }.items():
            yield _made(name, look)

    def _credentials(self) -> str:
        return check_account(self.clients, self.deployment.state_machine_arn.split(":")[4])

    def _region(self) -> str:
        region = self.deployment.region
        try:
            found = self.clients.ec2.describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidParameterValue":
                raise
            found = []
        if not found:
            raise PreflightError(f"AWS has no region {region!r}: correct the Terraform variable region.")
        if found[0].get("OptInStatus") == "not-opted-in":
            raise PreflightError(
                f"the account has not opted in to {region}: enable it in the console (Account, AWS Regions), "
                "or set the Terraform variable region and apply."
            )
        return region

    def _state_machine(self) -> str:
        arn = self.deployment.state_machine_arn
        try:
            status = self.clients.stepfunctions.describe_state_machine(stateMachineArn=arn).get("status")
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            raise PreflightError(f"the state machine is gone: run `{DEPLOY}`.") from error
        if status == "DELETING":
            raise PreflightError(f"the state machine is being deleted: wait a minute, then run `{DEPLOY}`.")
        return arn.rpartition(":")[2]

    def _bucket(self) -> str:
        bucket = self.deployment.bucket
        try:
            self.clients.s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            raise PreflightError(
                f"bucket {bucket} cannot be read ({error.response['Error']['Code']}): run `{DEPLOY}`, "
                "and let your own role use the bucket."
            ) from error
        return bucket

    def _concurrency(self) -> str:
        execute = self.deployment.functions["execute"]
        reserved = self.clients.functions.get_function_concurrency(FunctionName=execute).get(
            "ReservedConcurrentExecutions"
        )
        if reserved is not None:
            if reserved < self.world_size:
                raise PreflightError(
                    f"{reserved} ranks may run at a time, and the largest world has {self.world_size}: raise "
                    " the Terraform variable reserved_concurrency, or run smaller worlds."
                )
            return f"{reserved} reserved, {self.world_size} needed"
        limits = self.clients.functions.get_account_settings()["AccountLimit"]
        allowed = limits.get("UnreservedConcurrentExecutions", limits.get("ConcurrentExecutions", 0))
        if allowed < self.world_size:
            raise PreflightError(
                f"the account allows {allowed} functions at a time, the largest world has {self.world_size}: "
                "ask for more (aws service-quotas request-service-quota-increase --service-code lambda "
                f"--quota-code {CONCURRENCY_QUOTA} --desired-value 1000), or run smaller worlds."
            )
        return f"{allowed} at a time, {self.world_size} needed"

    def _fargate_quota(self) -> str:
        if not self._needs_server or self.deployment.rendezvous["mode"] == NONE:
            return "not needed"
        service, code = FARGATE_QUOTA
        try:
            quota = self.clients.quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"][
                "Value"
            ]
        except ClientError as error:
            # Many roles may not read quotas; that is no reason not to run.
            return f"not known ({error.response['Error']['Code']})"
        if quota < FARGATE_VCPU:
            raise PreflightError(
                f"the account allows {quota:g} Fargate vCPUs, and the rendezvous server needs "
                f"{FARGATE_VCPU:g}: ask for more (Service Quotas, AWS Fargate, {code})."
            )
        return f"{quota:g} vCPUs, {FARGATE_VCPU:g} needed"

    @property
    def _needs_server(self) -> bool:
        return self.meets and self.world_size > 1

    def _rendezvous(self) -> str:
        if not self._needs_server:
            return "not needed"
        if self.deployment.rendezvous["mode"] == NONE:
            raise PreflightError(
                f"the largest world has {self.world_size} ranks, and the deployment has no rendezvous server "
                'through which they connect: run worlds of one, use a --payload with "rendezvous": false if '
                "they talk through S3 only, or set the Terraform variable rendezvous_mode to on-demand."
            )
        return check_rendezvous(self.clients, self.deployment)


def check_account(clients: Clients, deployed: str) -> str:
    """The account of the credentials, in words. Raises PreflightError when it is not the one deployed to."""
    try:
        account = clients.sts.get_caller_identity()["Account"]
    except MissingDependencyException as error:
        raise PreflightError(
            "credentials of `aws login` can be read neither here nor by Terraform: hand them over with "
            '`eval "$(aws configure export-credentials --format env)"`, again whenever they expire.'
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise PreflightError(
            f"AWS does not accept your credentials ({error}): log in again, "
            "or choose a profile with AWS_PROFILE."
        ) from error
    if account != deployed:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        raise PreflightError(
            f"your credentials are of account {account}, but the deployment is in {deployed}: "
            + (
                f"AWS_ENDPOINT_URL points at {endpoint}, go on in a shell without the variables of "
                "`cosmic-fmi local status --env`."
                if endpoint
                else "choose the profile of that account with AWS_PROFILE."
            )
        )
    return f"account {account}"


def _made(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except PreflightError as error:
        return Check(name, ok=False, detail=str(error))
    except (BotoCoreError, ClientError) as error:
        return Check(
            name, ok=False, detail=f"AWS does not answer this question ({error}): let your role ask it."
        )
