"""Where an experiment runs: the embedded AWS on this machine or an AWS account; only the endpoint differs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3

from experiment import images
from experiment.clients import Clients
from experiment.console import Reporter
from experiment.errors import PreflightError, TargetError
from experiment.local_root import local_root
from experiment.preflight import Preflight
from experiment.terraform import Terraform, cli_environment
from localcloud.embedded import EmbeddedAWS, StartError

REPOSITORY = Path(__file__).resolve().parent.parent
LOCAL_STATE = Path(os.environ.get("COSMIC_STATE") or REPOSITORY / ".local")
"""Where the embedded AWS and Terraform keep their state; COSMIC_STATE names another folder."""

# What of the tree decides what Terraform applies; the second list only tags the image, which makes Lambda
# (and the embedded AWS) start fresh environments when code changed.
_STACK_SOURCES = ("terraform", "statemachine.asl.json")
_CODE_SOURCES = ("containers", "fmi", "fmilib", "inference")


@dataclass(frozen=True)
class Deployment:
    """The root module's outputs that an experiment needs."""

    bucket: str
    state_machine_arn: str
    functions: dict[str, str]
    """Function names by role: initialize, execute, summarize."""
    log_groups: dict[str, str]
    """Log group names by what writes to them: the same roles, and more."""
    region: str
    architecture: str
    executor_memory_mb: int
    images: dict[str, str]
    """Image URIs by container: executor, rendezvous."""
    rendezvous: dict[str, str]
    """How the rendezvous server runs: mode, parameter (with its address), cluster and service."""

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> Deployment:
        """Read Terraform's outputs; raises :class:`TargetError` naming one that is missing."""
        try:
            return cls(
                bucket=outputs["bucket"],
                state_machine_arn=outputs["state_machine_arn"],
                functions=dict(outputs["functions"]),
                log_groups=dict(outputs["log_groups"]),
                region=outputs["region"],
                architecture=outputs["architecture"],
                executor_memory_mb=int(outputs["executor_memory_mb"]),
                images=dict(outputs["images"]),
                rendezvous=dict(outputs["rendezvous"]),
            )
        except KeyError as missing:
            raise TargetError(
                f"the deployment has no output {missing}: apply the current terraform/ first"
            ) from missing


class Target(Protocol):
    """A place with a deployment."""

    name: str
    poll_s: float
    """Seconds between looks at a running execution."""
    log_wait_s: float
    """Seconds to wait at most for log lines, which arrive late on AWS."""

    def prepare(self, reporter: Reporter) -> Deployment:
        """Make sure there is a deployment and that it answers."""

    @property
    def clients(self) -> Clients:
        """Clients for it; valid after :meth:`prepare`."""

    def stop_functions(self) -> None:
        """End functions that still run after their execution was stopped, where the target can."""

    def release(self, *, abandoned: bool) -> None:
        """Let go of the target; ``abandoned`` when interrupted or failed: end what was started here."""


# --- embedded -------------------------------------------------------------------------------------


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

    @property
    def clients(self) -> Clients:
        """Clients for the embedded AWS."""
        if self._clients is None:
            raise TargetError("the embedded AWS is not running: prepare the target first")
        return self._clients

    def prepare(self, reporter: Reporter) -> Deployment:
        """Start or find the embedded AWS, and apply terraform/ unless exactly this is applied already."""
        try:
            cloud = self._ensure_cloud(reporter)
            return self._ensure_applied(cloud, reporter)
        except BaseException:
            # A half-made stack is no use to the next run, which starts from a clean one.
            self.release(abandoned=True)
            raise

    def stop_functions(self) -> None:
        """End every function invocation that runs: a stopped execution does not stop them, here as on AWS."""
        if self._cloud is None:
            return
        try:
            self._cloud.stop_functions()
        except (OSError, ValueError) as error:
            raise TargetError(f"the embedded AWS did not stop its functions: {error}") from error

    def release(self, *, abandoned: bool) -> None:
        """Stop the embedded AWS if this run started it and was abandoned; otherwise the next run finds it
        warm.
        """
        if abandoned and self._started and self._cloud is not None:
            self._cloud.stop()
            self._cloud = None
            self._started = False

    def destroy(self, reporter: Reporter) -> bool:
        """Destroy the deployment and stop the embedded AWS; False when there was nothing to take down."""
        cloud = self._cloud or EmbeddedAWS.attach(self.state / "localcloud")
        if cloud is None:
            return False
        self._cloud = cloud
        home = self._home(cloud)
        if (home / "terraform.tfstate").exists():
            applied = _read_json(home / "applied.json")
            with reporter.step("Destroying the deployment") as step:
                variables = applied.get("variables") or self._variables(
                    home, dict.fromkeys(images.NAMES, "0" * 64)
                )
                self._terraform(cloud, home, reporter.say).destroy(variables, step.update)
        cloud.stop()
        shutil.rmtree(home, ignore_errors=True)
        return True

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
        if cloud is None:
            with reporter.step("Starting the embedded AWS"):
                cloud = EmbeddedAWS(
                    state, self.repository, runtime="container" if self._containers else "process"
                )
                self._cloud, self._started = cloud, True
                try:
                    cloud.start()
                except StartError as error:
                    raise TargetError(f"the embedded AWS did not start: {error}") from error
            self._forget_old_instances(str(cloud.instance_id))
        elif self._containers is not None and self._containers != (cloud.runtime == "container"):
            other = "without" if self._containers else "with"
            raise TargetError(
                f"the embedded AWS was started {other} --containers and still runs: take it down with "
                "`make destroy`, then run this again"
            )
        self._cloud = cloud
        settings = cloud.environment()
        session = boto3.Session(
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region_name=settings["AWS_REGION"],
        )
        self._clients = Clients(session, cloud.endpoint_url)
        return cloud

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
        port = applied.get("variables", {}).get("rendezvous_port") or _free_port()
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
        _write_json(home / "applied.json", {**wanted, "deployment": asdict(deployment)})
        return deployment


# --- AWS ------------------------------------------------------------------------------------------


class AwsTarget:
    """The deployment that ``make deploy`` made in the AWS account of the environment's credentials."""

    name = "aws"
    poll_s = 1.0
    log_wait_s = 60.0

    def __init__(self, repository: Path = REPOSITORY, state: Path = LOCAL_STATE, world_size: int = 1) -> None:
        self.repository = repository
        self.state = state
        self.world_size = world_size
        """Ranks of the largest world that is going to run; the account has to allow them."""
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
                raise TargetError("nothing is deployed on AWS yet: run `make deploy` first")
            deployment = Deployment.from_outputs(outputs)
            self._clients = Clients(boto3.Session(region_name=deployment.region))
        return deployment

    def preflight(self, deployment: Deployment, reporter: Reporter) -> None:
        """Make every check and show them all; raises :class:`PreflightError` when one is not met."""
        failed = 0
        for check in Preflight(self.clients, deployment, self.world_size).checks():
            mark, style = ("ok", None) if check.ok else ("FAILED", "red")
            reporter.say(f"  {mark:6} {check.name}: {check.detail}", style, important=not check.ok)
            failed += not check.ok
        if failed:
            raise PreflightError(f"{failed} of the checks above failed; nothing was started.")

    def destroy(self, reporter: Reporter) -> None:
        """Remove everything that ``make deploy`` made."""
        with reporter.step("Destroying the deployment on AWS") as step:
            terraform = self.terraform()
            terraform.init()
            # In another region Terraform would find nothing, and forget everything that is there.
            outputs = terraform.output()
            known: dict[str, object] = {
                name: outputs[name] for name in ("region", "name_prefix") if name in outputs
            }
            terraform.destroy(known, step.update)

    def stop_functions(self) -> None:
        """Nothing to do: AWS has no way to end an invocation, it ends by itself or at its time limit."""

    def release(self, *, abandoned: bool) -> None:
        """Nothing to do: the deployment stays until ``make destroy``."""


# --- helpers --------------------------------------------------------------------------------------


def fingerprint(root: Path, sources: Iterable[str]) -> str:
    """SHA-256 (hex) over the names and contents of the files below ``sources``, without what tools leave
    behind.
    """
    digest = hashlib.sha256()
    for source in sources:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and _is_source(file.relative_to(root)):
                digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and ".tfstate" not in path.name and path.suffix not in (".pyc", ".safetensors")


def _free_port() -> int:
    """A free port below another free one, which the rendezvous server has for its health and metrics."""
    while True:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("", 0))
            port = int(probe.getsockname()[1])
            try:
                above.bind(("", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty when it is not there or was cut short, which only costs another apply."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: object) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    partial.replace(path)
