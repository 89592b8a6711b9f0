"""Keeps moto's ECS and EC2 models in step with the processes that stand for their tasks."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ecs.models import EC2ContainerServiceBackend

from cosmic_fmi.localcloud.moto import backends
from cosmic_fmi.localcloud.moto._untyped import MotoObject

# Where the tasks of this machine are reached.
PUBLIC_IP = "127.0.0.1"


def install() -> None:
    """Let moto 5.2.5 run Fargate tasks that AWS runs, but on which it fails.

    It wants a memory size of each container, only to find an EC2 instance with room, which Fargate has none
    of; and it reads an interface's private DNS name, which it sets only where the VPC has DNS host names.
    """
    NetworkInterface.private_dns_name = ""
    calculate = EC2ContainerServiceBackend._calculate_task_resource_requirements

    def requirements(task_definition: MotoObject) -> dict[str, Any]:
        if "FARGATE" in task_definition.compatibilities:
            return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
        found: dict[str, Any] = calculate(task_definition)
        return found

    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(requirements)


def start_service_task(ecs: MotoObject, service: MotoObject) -> MotoObject:
    """Create a task of a service in moto, with its network interface; the process follows."""
    [task] = ecs.run_task(
        cluster_str=service.cluster_name,
        task_definition_str=service.task_definition,
        count=1,
        overrides=None,
        started_by=service.deployments[0]["id"] if service.deployments else "ecs-svc",
        tags=None,
        launch_type="FARGATE",
        networking_configuration=service.network_configuration,
        group=f"service:{service.name}",
        platform_version="1.4.0",
    )
    return task


def mark_running(task: MotoObject, region: str, *, running: bool) -> None:
    """Say in moto that the task starts or runs; its network interface has the public address of here."""
    task.last_status = "RUNNING" if running else "PENDING"
    for container in task.containers:
        container.last_status = task.last_status
    interface = backends.ec2(region).enis.get(interface_id(task))
    if interface is not None:
        interface.public_ip = PUBLIC_IP


def mark_stopped(
    task: MotoObject, region: str, reason: str, exit_code: int | None, code: str | None = None
) -> None:
    """Say in moto that the task has ended, and by which stop code; its network interface goes with it."""
    task.stop_code = code
    task.last_status, task.desired_status, task.stopped_reason = "STOPPED", "STOPPED", reason
    for container in task.containers:
        container.last_status = "STOPPED"
        container.exitCode = exit_code
    backends.ec2(region).enis.pop(interface_id(task), None)


def update_counts(service: MotoObject, wanted: int, up: int) -> None:
    """Fill in the counts that waiters and Terraform read."""
    service.running_count, service.pending_count = up, max(0, wanted - up)
    for deployment in service.deployments[:1]:
        deployment["desiredCount"] = wanted
        deployment["runningCount"] = up
        deployment["pendingCount"] = max(0, wanted - up)
        deployment["rolloutState"] = "COMPLETED" if up >= wanted else "IN_PROGRESS"
        deployment["taskDefinition"] = service.task_definition


def add_service_event(service: MotoObject, message: str) -> None:
    """What DescribeServices tells about a service, the latest first; ECS keeps 100."""
    event = {"id": str(uuid.uuid4()), "createdAt": datetime.now(tz=UTC), "message": message}
    service.events = [event, *service.events][:100]


def interface_id(task: MotoObject) -> str:
    """The id of the task's network interface; empty where it has none."""
    details = [detail for attachment in task.attachments for detail in attachment["details"]]
    return next((str(detail["value"]) for detail in details if detail["name"] == "networkInterfaceId"), "")


def task_detail(task: MotoObject) -> dict[str, Any]:
    """The `detail` of an ECS Task State Change event.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    now = datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    detail = {
        "attachments": [{**attachment, "type": "eni"} for attachment in task.attachments],
        "clusterArn": task.cluster_arn,
        "connectivity": "CONNECTED",
        "containers": [_container_detail(task, container) for container in task.containers],
        "desiredStatus": task.desired_status,
        "group": task.group,
        "lastStatus": task.last_status,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "startedBy": task.started_by,
        "taskArn": task.task_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "updatedAt": now,
        "version": 1,
    }
    if task.last_status == "STOPPED":
        detail |= {"stoppedReason": task.stopped_reason, "stoppedAt": now}
        detail |= {"stopCode": task.stop_code} if task.stop_code else {}
    return detail


def _container_detail(task: MotoObject, container: MotoObject) -> dict[str, Any]:
    detail = {
        "containerArn": container.container_arn,
        "image": container.image,
        "lastStatus": container.last_status,
        "name": container.name,
        "taskArn": task.task_arn,
    }
    if container.last_status == "STOPPED":
        detail["exitCode"] = container.exitCode
    return detail
