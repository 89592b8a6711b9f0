"""What an experiment has to know of a deployment: Terraform's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmic_fmi.experiment.errors import TargetError


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
