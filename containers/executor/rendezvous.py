"""Where the ranks meet: the published address of the rendezvous server, and the ECS service that runs it."""

from __future__ import annotations

import os

from containers.executor.clients import ecs, ssm

PENDING = "pending"
"""The parameter's value while no rendezvous task is up."""


def published_address() -> str:
    """What publish_address wrote down last: ``ip:port``, or :data:`PENDING`."""
    return ssm().get_parameter(Name=os.environ["RENDEZVOUS_PARAMETER"])["Parameter"]["Value"]


def scale_service(tasks: int) -> None:
    """Let the rendezvous service have this many tasks, 0 or 1. Asking twice changes nothing."""
    ecs().update_service(
        cluster=os.environ["ECS_CLUSTER"], service=os.environ["ECS_SERVICE"], desiredCount=tasks
    )
