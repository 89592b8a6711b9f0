"""The embedded AWS on this machine as a target."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import botocore.session

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.common.fingerprint import fingerprint
from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.errors import TargetError, TerraformError
from cosmic_fmi.experiment.packages.platform import (
    FunctionPlatform,
    architecture_here,
    of_image,
    of_this_machine,
)
from cosmic_fmi.experiment.paths import LOCAL_STATE, REPOSITORY
from cosmic_fmi.experiment.targets import images
from cosmic_fmi.experiment.targets._local_lock import LocalLock
from cosmic_fmi.experiment.targets._local_root import local_root
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.targets.ports import free_port
from cosmic_fmi.experiment.targets.terraform import Terraform
from cosmic_fmi.experiment.targets.terraform_mirrors import cli_environment
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.signals import undisturbed
from cosmic_fmi.localcloud.client import EmbeddedAWS, StartError

# What of the tree decides what Terraform applies; the second list only tags the image, which makes Lambda
# (and the embedded AWS) start fresh environments when code changed.
_STACK_SOURCES = ("terraform", "statemachine.asl.json")
_CODE_SOURCES = ("containers", "cosmic_fmi/__init__.py", "cosmic_fmi/common", "fmi", "fmilib", "inference")


_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class LocalTarget:
    """The embedded AWS, started when it does not run yet, with the repository's own terraform/ applied to
    it.

    ``containers``: its functions and tasks are containers of the images, which are built as needed; False:
    they are processes; None: processes, unless it runs already and has containers. ``variables`` of the root
    module take precedence over this target's own.
    """

    name = "local"
    poll_s = 0.2
    log_wait_s = 5.0

    def __init__(
        self,
        repository: Path = REPOSITORY,
        state: Path = LOCAL_STATE,
        *,
        containers: bool | None = None,
        variables: Mapping[str, object] | None = None,
    ) -> None:
        self._settings = variables or {}
        self.repository = repository
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
        return EmbeddedAWS.attach(self.state / "localcloud") is not None

    def prepare(self, reporter: Reporter) -> Deployment:
        """Start or find the embedded AWS, and apply terraform/ unless exactly this is applied already."""
        with self._lock.preparing(reporter.say):
            self._lock.use()
            try:
                cloud = self._ensure_cloud(reporter)
                return self._ensure_applied(cloud, reporter)
            except BaseException:
                # A half-made stack is no use to the next run, which starts from a clean one.
                with undisturbed(reporter.say):
                    self.release(abandoned=True)
                raise

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
        with self._lock.preparing(reporter.say):
            cloud = self._cloud or EmbeddedAWS.attach(self.state / "localcloud")
            try:
                if cloud is not None:
                    self._destroy_stack(cloud, reporter)
            except TerraformError as error:
                self._stop_cloud(cloud)
                raise TerraformError(
                    f"{error}\nThe embedded AWS is gone all the same, and all in it."
                ) from error
            return self._stop_cloud(cloud)

    def _destroy_stack(self, cloud: EmbeddedAWS, reporter: Reporter) -> None:
        home = self._home(cloud)
        if (home / "terraform.tfstate").exists():
            applied = _read_json(home / "applied.json")
            with reporter.step("Destroying the deployment") as step:
                variables = applied.get("variables") or self._variables(
                    home, dict.fromkeys(images.NAMES, "0" * 64)
                )
                self._terraform(cloud, home, reporter.say).destroy(variables, step.update)

    def _stop_cloud(self, cloud: EmbeddedAWS | None) -> bool:
        """Stop the embedded AWS, whether it answers or not, and forget what was in it."""
        stopped = (cloud or EmbeddedAWS(self.state / "localcloud", self.repository)).stop()
        self._cloud = None
        self._forget_old_instances("")
        self._lock.leave()
        return stopped

    def pending_changes(self) -> list[str]:
        """Addresses of the resources that another apply would change; empty when there is no drift."""
        cloud = EmbeddedAWS.attach(self.state / "localcloud")
        if cloud is None:
            raise TargetError("the embedded AWS is not running: prepare the target first")
        home = self._home(cloud)
        return self._terraform(cloud, home).pending_changes(_read_json(home / "applied.json")["variables"])

    def _ensure_cloud(self, reporter: Reporter) -> EmbeddedAWS:
        state = self.state / "localcloud"
        cloud = EmbeddedAWS.attach(state)
        if cloud is not None and not _same_folder(Path(cloud.code_root), self.repository):
            raise TargetError(
                f"the embedded AWS in {self.state} runs the code of {cloud.code_root}: take it down with "
                "`make destroy`, or let COSMIC_STATE name another folder"
            )
        if cloud is not None and self._is_half_made(cloud):
            cloud.stop()
            cloud = None
        if cloud is None:
            with reporter.step("Starting the embedded AWS"):
                cloud = EmbeddedAWS(
                    state, self.repository, runtime="container" if self._containers else "process"
                )
                try:
                    cloud.start()
                except StartError as error:
                    raise TargetError(f"the embedded AWS did not start: {error}") from error
                self._cloud, self._started = cloud, True
            self._forget_old_instances(str(cloud.instance_id))
        elif self._containers is not None and self._containers != (cloud.runtime == "container"):
            other = "without" if self._containers else "with"
            raise TargetError(
                f"the embedded AWS was started {other} --containers and still runs: take it down with "
                "`make destroy`, then run this again"
            )
        elif cloud.outdated:
            reporter.say(
                "The embedded AWS was started before cosmic_fmi/localcloud/ changed, and runs what that was: "
                "`make destroy` and the next run start it anew, empty.",
                "yellow",
                important=True,
            )
        self._cloud = cloud
        settings = cloud.environment()
        session = boto3.Session(
            # A user's profile must neither be missed here nor say anything.
            botocore_session=botocore.session.Session(_NO_PROFILE),
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region_name=settings["AWS_REGION"],
        )
        self._clients = Clients(session, cloud.endpoint_url)
        return cloud

    def _is_half_made(self, cloud: EmbeddedAWS) -> bool:
        """Whether a command was killed while it applied terraform/ for the first time: then Terraform's state
        lacks what was made last, and another apply would make it again, in vain.
        """
        home = self._home(cloud)
        return home.exists() and not (home / "applied.json").exists()

    def _forget_old_instances(self, current: str) -> None:
        """The embedded AWS keeps everything in memory, so the state of an earlier instance describes
        nothing.
        """
        for path in self.state.glob("stack-*"):
            if path.name != f"stack-{current}":
                shutil.rmtree(path, ignore_errors=True)

    def _digests(self, cloud: EmbeddedAWS, reporter: Reporter) -> dict[str, str]:
        """What names the images: their ids, or the code that stands for them where nothing is a container."""
        if cloud.runtime == "process":
            return dict.fromkeys(images.NAMES, fingerprint(self.repository, _CODE_SOURCES))
        with reporter.step("Building the container images") as step:
            digests = images.build(self.repository, lambda note: step.update(note=note))
            step.update(note="")
        return digests

    def _home(self, cloud: EmbeddedAWS) -> Path:
        return self.state / f"stack-{cloud.instance_id}"

    def _variables(self, home: Path, digests: dict[str, str]) -> dict[str, object]:
        """What differs from the defaults, and what a terraform.tfvars for AWS may set but not here."""
        applied = _read_json(home / "applied.json")
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

    def _terraform(self, cloud: EmbeddedAWS, home: Path, say: Callable[[str], None] = print) -> Terraform:
        inherited = {
            name: value
            for name, value in os.environ.items()
            # A profile, a session or Terraform settings for an account must not leak into the embedded one.
            if not name.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS")) and name != "TF_WORKSPACE"
        }
        environment = cli_environment({**inherited, **cloud.environment()}, self.state)
        return Terraform(
            local_root(self.repository, self.state / "repository"),
            environment=environment,
            log=home / "terraform.log",
            state=home / "terraform.tfstate",
            data_dir=self.state / "terraform-data",
            say=say,
        )

    def _ensure_applied(self, cloud: EmbeddedAWS, reporter: Reporter) -> Deployment:
        home = self._home(cloud)
        home.mkdir(parents=True, exist_ok=True)
        variables = self._variables(home, self._digests(cloud, reporter))
        wanted = {"stack": fingerprint(self.repository, _STACK_SOURCES), "variables": variables}
        applied = _read_json(home / "applied.json")
        if {key: applied.get(key) for key in wanted} == wanted:
            return Deployment(**applied["deployment"])
        terraform = self._terraform(cloud, home, reporter.say)
        with reporter.step("Installing Terraform's providers"):
            terraform.init()
        with reporter.step("Applying terraform/ to the embedded AWS") as step:
            terraform.apply(variables, step.update)
        deployment = Deployment.from_outputs(terraform.output())
        made = {**wanted, "deployment": asdict(deployment)}
        write_atomically(home / "applied.json", (json.dumps(made, indent=2) + "\n").encode())
        return deployment


def _same_folder(one: Path, other: Path) -> bool:
    """Whether both name one folder, however they write it."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty when it is not there or was cut short, which only costs another apply."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
