"""The embedded AWS on this machine as a target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import boto3
import botocore.session

from cosmic_fmi.common.checkout import DESTROY
from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.errors import TargetError, TerraformError, TerraformStalledError
from cosmic_fmi.experiment.packages.platform import (
    FunctionPlatform,
    architecture_here,
    of_image,
    of_this_machine,
)
from cosmic_fmi.experiment.paths import LOCAL_STATE, project_folder
from cosmic_fmi.experiment.targets._local_lock import LocalLock
from cosmic_fmi.experiment.targets._local_stack import LocalStack, forget_stacks
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.signals import shielded
from cosmic_fmi.localcloud.client import EmbeddedAWS, StartError

_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class LocalTarget:
    """The embedded AWS, started when it does not run yet, with the repository's own terraform/ applied to
    it (``repository``: the project's folder, if None).

    ``containers``: its functions and tasks are containers of the images, which are built as needed; False:
    they are processes; None: processes, unless it runs already and has containers. ``variables`` of the root
    module take precedence over this target's own.
    """

    name = "local"
    poll_s = 0.2
    log_wait_s = 5.0

    def __init__(
        self,
        repository: Path | None = None,
        state: Path = LOCAL_STATE,
        *,
        containers: bool | None = None,
        variables: Mapping[str, object] | None = None,
    ) -> None:
        self._settings = variables or {}
        self.repository = repository or project_folder()
        self.state = state
        self._containers = containers
        self._cloud: EmbeddedAWS | None = None
        self._started = False
        self._clients: Clients | None = None
        self._lock = LocalLock(state)

    @property
    def clients(self) -> Clients:
        """Clients for the embedded AWS."""
        if self._clients is None:
            raise TargetError("the embedded AWS is not running: prepare the target first")
        return self._clients

    @property
    def running(self) -> bool:
        """Whether the embedded AWS is up; what it held is gone when it is not."""
        return self._attach() is not None

    def prepare(self, reporter: Reporter) -> Deployment:
        """Start or find the embedded AWS, and apply terraform/ unless exactly this is applied already.

        An apply that waits in vain is made once more, on a new embedded AWS, unless others use this one.
        """
        with self._lock.preparing(reporter.message):
            self._lock.use()
            try:
                try:
                    return self._applied(reporter)
                except TerraformStalledError as error:
                    self._start_over(error, reporter)
                    return self._applied(reporter)
            except BaseException:
                # A half-made stack is no use to the next run, which starts from a clean one.
                with shielded(reporter.message):
                    self.release(abandoned=True)
                raise

    def _applied(self, reporter: Reporter) -> Deployment:
        return self._stack(self._ensure_cloud(reporter)).apply(reporter)

    def _start_over(self, error: TerraformStalledError, reporter: Reporter) -> None:
        """End the embedded AWS on which an apply waited in vain; raises the error if others use it."""
        if self._cloud is None or not self._lock.alone():
            raise error
        reporter.message(f"{error}\nStarting again, on a new embedded AWS.", "yellow", important=True)
        self._cloud.stop()
        self._cloud = None
        self._lock.use()

    def function_platform(self, _: Deployment) -> FunctionPlatform:
        """The image that was built here, or this interpreter where functions are processes."""
        containers = self._cloud is not None and self._cloud.runtime == "container"
        return of_image(architecture_here()) if containers else of_this_machine()

    def release(self, *, abandoned: bool) -> None:
        """Stop the embedded AWS if this run started it and was abandoned, unless another command uses it too;
        otherwise the next run finds it warm.
        """
        if abandoned and self._started and self._cloud is not None and self._lock.alone():
            self._cloud.stop()
            self._cloud = None
            self._started = False
        self._lock.leave()

    def destroy(self, reporter: Reporter) -> bool:
        """Destroy the deployment and stop the embedded AWS, one that hangs too; False when there was nothing
        to take down. Raises TerraformError, with the embedded AWS gone all the same, where Terraform fails.
        """
        if not self.state.is_dir():
            return False
        with self._lock.preparing(reporter.message):
            cloud = self._cloud or self._attach()
            try:
                if cloud is not None:
                    self._stack(cloud).destroy(reporter)
            except TerraformError as error:
                self._stop_cloud(cloud)
                raise TerraformError(
                    f"{error}\nThe embedded AWS is gone all the same, and all in it."
                ) from error
            return self._stop_cloud(cloud)

    def pending_changes(self) -> list[str]:
        """Addresses of the resources that another apply would change; empty when there is no drift."""
        cloud = self._attach()
        if cloud is None:
            raise TargetError("the embedded AWS is not running: prepare the target first")
        return self._stack(cloud).pending_changes()

    def _attach(self) -> EmbeddedAWS | None:
        return EmbeddedAWS.attach(self.state / "localcloud")

    def _stack(self, cloud: EmbeddedAWS) -> LocalStack:
        return LocalStack(cloud, self.repository, self.state, self._settings)

    def _stop_cloud(self, cloud: EmbeddedAWS | None) -> bool:
        """Stop the embedded AWS, whether it answers or not, and forget what was in it."""
        stopped = (cloud or EmbeddedAWS(self.state / "localcloud", self.repository)).stop()
        self._cloud = None
        forget_stacks(self.state)
        self._lock.leave()
        return stopped

    def _ensure_cloud(self, reporter: Reporter) -> EmbeddedAWS:
        """The embedded AWS that runs, or else one that is started here."""
        cloud = self._attach()
        if cloud is not None and not _same_folder(Path(cloud.code_root), self.repository):
            raise TargetError(
                f"the embedded AWS in {self.state} runs the code of {cloud.code_root}: take it down with "
                f"`{DESTROY}`, or let COSMIC_STATE name another folder"
            )
        if cloud is not None and self._stack(cloud).is_half_made:
            cloud.stop()
            cloud = None
        if cloud is None:
            cloud = self._start(reporter)
        else:
            self._check(cloud, reporter)
        self._cloud = cloud
        self._clients = _clients(cloud)
        return cloud

    def _start(self, reporter: Reporter) -> EmbeddedAWS:
        with reporter.step("Starting the embedded AWS"):
            cloud = EmbeddedAWS(
                self.state / "localcloud",
                self.repository,
                runtime="container" if self._containers else "process",
            )
            try:
                cloud.start()
            except StartError as error:
                raise TargetError(f"the embedded AWS did not start: {error}") from error
            self._cloud, self._started = cloud, True
        forget_stacks(self.state, but=str(cloud.instance_id))
        return cloud

    def _check(self, cloud: EmbeddedAWS, reporter: Reporter) -> None:
        """Raise TargetError for one of the other kind; warn where its own code has changed."""
        if self._containers is not None and self._containers != (cloud.runtime == "container"):
            other = "without" if self._containers else "with"
            raise TargetError(
                f"the embedded AWS was started {other} --containers and still runs: take it down with "
                f"`{DESTROY}`, then run this again"
            )
        if cloud.outdated:
            reporter.message(
                "The embedded AWS was started before cosmic_fmi/localcloud/ changed, and runs what that was: "
                f"`{DESTROY}` and the next run start it anew, empty.",
                "yellow",
                important=True,
            )


def _clients(cloud: EmbeddedAWS) -> Clients:
    settings = cloud.environment()
    session = boto3.Session(
        # A user's profile must neither be missed here nor have any effect.
        botocore_session=botocore.session.Session(_NO_PROFILE),
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_REGION"],
    )
    return Clients(session, cloud.endpoint_url)


def _same_folder(one: Path, other: Path) -> bool:
    """Whether both name one folder, however they write it."""
    try:
        return one.samefile(other)
    except OSError:
        return False
