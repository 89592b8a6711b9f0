"""Where an experiment runs; only the endpoint differs between the embedded AWS and an AWS account."""

from __future__ import annotations

from typing import Protocol

from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.packages.platform import FunctionPlatform
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter


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

    def function_platform(self, deployment: Deployment) -> FunctionPlatform:
        """What its functions run on; valid after :meth:`prepare`."""

    def release(self, *, abandoned: bool) -> None:
        """Let go of the target; ``abandoned`` when interrupted or failed: end what was started here."""
