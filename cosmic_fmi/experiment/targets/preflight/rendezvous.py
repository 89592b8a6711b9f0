"""Whether the rendezvous server answers, or can be started when an execution needs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cosmic_fmi.common.checkout import DEPLOY
from cosmic_fmi.experiment.errors import PreflightError

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from cosmic_fmi.experiment.aws.clients import Clients
    from cosmic_fmi.experiment.targets.deployment import Deployment

_PENDING = "pending"
_ON_DEMAND = "on-demand"
NONE = "none"
"""The mode of a deployment without a server."""


def check_rendezvous(clients: Clients, deployment: Deployment) -> str:
    """Look at the service and, where an address is published, let the deployment's own function try it.

    The function sits where the ranks do: a network that lets nothing out to a port says nothing about them.
    Raises PreflightError with what to change.
    """
    service = _service(clients, deployment)
    on_demand = deployment.rendezvous["mode"] == _ON_DEMAND
    parameter = clients.ssm.get_parameter(Name=deployment.rendezvous["parameter"])["Parameter"]
    address = parameter.get("Value", _PENDING)
    if address != _PENDING and _answers(clients, deployment):
        return f"answers at {address}"
    if on_demand:
        _check_last_start(clients, deployment, service["taskDefinition"])
        return "starts when an execution needs it (20 to 60 s)"
    raise PreflightError(_why_not(service, address))


def _service(clients: Clients, deployment: Deployment) -> ServiceTypeDef:
    cluster, name = deployment.rendezvous["cluster"], deployment.rendezvous["service"]
    try:
        found = clients.ecs.describe_services(cluster=cluster, services=[name])["services"]
    except clients.ecs.exceptions.ClusterNotFoundException:
        found = []
    active = [service for service in found if service.get("status") == "ACTIVE"]
    if not active:
        raise PreflightError(f"the ECS service {name} of the rendezvous server is gone: run `{DEPLOY}`.")
    return active[0]


def _answers(clients: Clients, deployment: Deployment) -> bool:
    function = deployment.functions["find_rendezvous"]
    answer = clients.functions.invoke(FunctionName=function, Payload=json.dumps({"only_look": True}).encode())
    return "FunctionError" not in answer


def _check_last_start(clients: Clients, deployment: Deployment, definition: str) -> None:
    """A task that could not start will not start the next time either, until another apply has changed it."""
    cluster, service = deployment.rendezvous["cluster"], deployment.rendezvous["service"]
    arns = clients.ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    if not arns:
        return
    tasks = [
        task
        for task in clients.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        if task.get("taskDefinitionArn") == definition
    ]
    last = max(tasks, key=lambda task: task["createdAt"], default=None)
    if last is not None and last.get("stopCode") == "TaskFailedToStart":
        raise PreflightError(
            f"the rendezvous server could not start the last time ({last.get('stoppedReason')}): "
            f"see its task in ECS, and run `{DEPLOY}` when its image is missing."
        )


def _why_not(service: ServiceTypeDef, address: str) -> str:
    if not service.get("desiredCount"):
        return "the rendezvous server is switched off: set its ECS service's desired count to 1."
    if not service.get("runningCount") or address == _PENDING:
        return (
            f"the rendezvous server does not run (yet): wait a minute after `{DEPLOY}`, "
            "then see its service's events in ECS."
        )
    return f"the rendezvous server at {address} does not answer: see its log, and whether its port is let in."
