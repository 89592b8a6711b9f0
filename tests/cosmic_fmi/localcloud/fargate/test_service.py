"""ECS services whose containers run as processes."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cosmic_fmi.experiment.targets.ports import free_port
from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Function, Json, client, wait_for

Deploy = Callable[..., Function]


class Service:
    """One ECS service with a container that listens on a port."""

    def __init__(self, cloud: EmbeddedAWS, cluster: str) -> None:
        self.cloud = cloud
        self.cluster = cluster
        self.port = free_port()
        self.ecs = client(cloud, "ecs")
        self.ecs.create_cluster(clusterName=self.cluster)
        subnet = client(cloud, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        self.network = {"subnets": [subnet], "securityGroups": [], "assignPublicIp": "ENABLED"}

    def register(self, *arguments: str, **variables: str) -> str:
        """A new revision of the task definition."""
        container = {
            "name": "server",
            "image": "test/server:1",
            "command": ["python", "server.py", *arguments],
            "environment": [
                {"name": key, "value": value} for key, value in {"PORT": str(self.port), **variables}.items()
            ],
            "portMappings": [{"containerPort": self.port}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": f"/ecs/{self.cluster}",
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": "ecs",
                },
            },
        }
        definition = self.ecs.register_task_definition(
            family="server",
            containerDefinitions=[container],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
        )
        arn: str = definition["taskDefinition"]["taskDefinitionArn"]
        return arn

    def create(self, definition: str, count: int = 1) -> None:
        """The service itself."""
        self.ecs.create_service(
            cluster=self.cluster,
            serviceName="server",
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": self.network},
        )

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        """Descriptions of the tasks that have this status."""
        arns = self.ecs.list_tasks(cluster=self.cluster)["taskArns"]
        if not arns:
            return []
        found = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
        return [task for task in found if task["lastStatus"] == status]

    def desired(self) -> int:
        """Tasks that the service shall have."""
        [found] = self.ecs.describe_services(cluster=self.cluster, services=["server"])["services"]
        count: int = found["desiredCount"]
        return count

    def pids(self) -> list[int]:
        """The processes that stand for tasks."""
        return [task["pid"] for task in self.cloud.admin("status")["tasks"]]

    def log(self) -> list[str]:
        """All lines of the container's log group."""
        events = client(self.cloud, "logs").filter_log_events(logGroupName=f"/ecs/{self.cluster}")["events"]
        return [event["message"] for event in events]


@pytest.fixture
def service(cloud: EmbeddedAWS, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service's surroundings; whatever a test leaves running is removed."""
    service = Service(cloud, request.node.name)
    yield service
    for name in service.ecs.list_services(cluster=service.cluster)["serviceArns"]:
        service.ecs.delete_service(cluster=service.cluster, service=name, force=True)
    for task in service.tasks():
        service.ecs.stop_task(cluster=service.cluster, task=task["taskArn"])
    wait_for(lambda: not service.pids(), "the end of the tasks")
    service.ecs.delete_cluster(cluster=service.cluster)


def let_events_call(cloud: EmbeddedAWS, function: str, rule: str) -> None:
    """The permission without which EventBridge calls no function."""
    client(cloud, "lambda").add_permission(
        FunctionName=function,
        StatementId=rule,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:123456789012:rule/{rule}",
    )


@pytest.fixture
def record(deploy: Deploy, cloud: EmbeddedAWS, shared: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """A rule that hands task state changes to a function, and what that function was given so far."""
    path = shared / "events.jsonl"
    events = client(cloud, "events")

    def seen() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def install() -> None:
        function = deploy("basic.record", Environment={"Variables": {"RECORD": str(path)}})
        pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}
        events.put_rule(Name="tasks", EventPattern=json.dumps(pattern), State="ENABLED")
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function.name}"
        let_events_call(cloud, function.name, "tasks")
        events.put_targets(Rule="tasks", Targets=[{"Id": "record", "Arn": arn}])

    seen.install = install  # type: ignore[attr-defined]
    yield seen
    events.remove_targets(Rule="tasks", Ids=["record"])
    events.delete_rule(Name="tasks")


def test_service_s_task_runs_and_its_address_is_published(service: Service, record: Json) -> None:
    record.install()
    service.create(service.register("--now", GREETING="hi"))
    [event] = wait_for(record, "the event that the task runs")
    socket.create_connection(("127.0.0.1", service.port), timeout=5).close()
    assert (event["source"], event["detail-type"]) == ("aws.ecs", "ECS Task State Change")
    detail = event["detail"]
    assert (detail["lastStatus"], detail["desiredStatus"]) == ("RUNNING", "RUNNING")
    assert detail["group"] == "service:server"
    [attachment] = detail["attachments"]
    [interface] = [one["value"] for one in attachment["details"] if one["name"] == "networkInterfaceId"]
    ec2 = client(service.cloud, "ec2")
    [found] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert found["Association"]["PublicIp"] == "127.0.0.1"
    assert "server listens --now\n" in service.log()


def test_describe_calls_show_the_running_task(service: Service) -> None:
    service.create(service.register())
    [task] = wait_for(service.tasks, "the start of the task")
    assert task["group"] == "service:server"
    [described] = service.ecs.describe_services(cluster=service.cluster, services=["server"])["services"]
    assert (described["runningCount"], described["pendingCount"]) == (1, 0)
    assert described["deployments"][0]["rolloutState"] == "COMPLETED"


def test_rule_that_comes_late_hears_of_a_task_that_runs(service: Service, record: Json) -> None:
    service.create(service.register())
    wait_for(service.tasks, "the start of the task")
    record.install()
    [event] = wait_for(record, "the event that the task runs")
    assert event["detail"]["lastStatus"] == "RUNNING"


def test_service_scaled_to_zero_stops_its_task(service: Service, record: Json) -> None:
    record.install()
    service.create(service.register())
    wait_for(record, "the event that the task runs")
    [pid] = service.pids()
    service.ecs.update_service(cluster=service.cluster, service="server", desiredCount=0)
    events = wait_for(lambda: len(record()) == 2 and record(), "the event that the task stopped")
    assert events[1]["detail"]["lastStatus"] == "STOPPED"
    assert events[1]["detail"]["containers"][0]["exitCode"] == 0
    assert not psutil.pid_exists(pid)
    assert "server stops\n" in service.log()
    assert (
        client(service.cloud, "ec2").describe_network_interfaces(
            Filters=[{"Name": "description", "Values": ["moto ECS"]}]
        )["NetworkInterfaces"]
        == []
    )


def test_new_task_definition_replaces_the_task(service: Service) -> None:
    service.create(service.register("one"))
    [old] = wait_for(service.tasks, "the first task")
    service.ecs.update_service(
        cluster=service.cluster, service="server", taskDefinition=service.register("two")
    )
    [new] = wait_for(
        lambda: [task for task in service.tasks() if task["taskArn"] != old["taskArn"]], "the second task"
    )
    assert new["taskDefinitionArn"] != old["taskDefinitionArn"]
    assert "server listens two\n" in service.log()
    assert len(service.pids()) == 1


def test_task_that_crashes_is_started_again(service: Service) -> None:
    service.create(service.register())
    [old] = wait_for(service.tasks, "the task")
    [pid] = service.pids()
    for child in psutil.Process(pid).children():
        child.kill()
    new = wait_for(lambda: [one for one in service.pids() if one != pid and service.tasks()], "its successor")
    assert len(new) == 1
    [stopped] = [task for task in service.tasks("STOPPED") if task["taskArn"] == old["taskArn"]]
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137


def test_who_hears_of_an_end_can_prevent_a_successor(
    service: Service, deploy: Deploy, cloud: EmbeddedAWS
) -> None:
    events = client(cloud, "events")
    function = deploy("basic.end_service")
    pattern = {"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}}
    events.put_rule(Name="ended", EventPattern=json.dumps(pattern), State="ENABLED")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function.name}"
    let_events_call(cloud, function.name, "ended")
    events.put_targets(Rule="ended", Targets=[{"Id": "end", "Arn": arn}])
    service.create(service.register())
    wait_for(service.tasks, "the task")
    try:
        for child in psutil.Process(service.pids()[0]).children():
            child.kill()
        wait_for(lambda: service.desired() == 0, "the end of the service's wish")
    finally:
        events.remove_targets(Rule="ended", Ids=["end"])
        events.delete_rule(Name="ended")
    assert (service.pids(), service.log().count("server listens\n")) == ([], 1)


def test_task_that_cannot_start_is_tried_with_growing_pauses(service: Service) -> None:
    service.create(service.register(FAIL="1"))
    wait_for(lambda: len(service.tasks("STOPPED")) >= 2, "the second try")
    assert "server cannot start\n" in service.log()
    assert service.tasks() == []


def test_single_task_runs_with_overrides_and_stops(service: Service) -> None:
    override = {"name": "server", "command": ["python", "server.py", "overridden"]}
    [task] = service.ecs.run_task(
        cluster=service.cluster,
        taskDefinition=service.register(),
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": service.network},
        overrides={"containerOverrides": [override]},
    )["tasks"]
    wait_for(service.tasks, "the start of the task")
    assert "server listens overridden\n" in service.log()
    service.ecs.stop_task(cluster=service.cluster, task=task["taskArn"], reason="enough")
    wait_for(lambda: not service.pids(), "the end of the task")


@pytest.fixture
def faulty(cloud: EmbeddedAWS) -> Iterator[EmbeddedAWS]:
    """The embedded AWS, without faults afterwards."""
    yield cloud
    cloud.clear_faults()


def test_a_task_takes_its_time_to_start(service: Service, faulty: EmbeddedAWS) -> None:
    faulty.set_faults(task_start=600)
    service.create(service.register())
    wait_for(lambda: service.tasks("PENDING"), "the task")
    assert service.pids() == []
    faulty.clear_faults("task_start")
    wait_for(service.tasks, "the task's start")


def test_a_task_that_is_not_up_yet_can_be_stopped(
    service: Service, faulty: EmbeddedAWS, record: Json
) -> None:
    record.install()
    faulty.set_faults(task_start=600)
    service.create(service.register())
    wait_for(lambda: service.tasks("PENDING"), "the task")
    service.ecs.update_service(cluster=service.cluster, service="server", desiredCount=0)
    [event] = wait_for(record, "the event that it has ended")
    assert event["detail"]["lastStatus"] == "STOPPED"


def test_a_task_without_a_place_is_an_event_of_its_service(service: Service, faulty: EmbeddedAWS) -> None:
    faulty.set_faults(task_unplaced=1)
    service.create(service.register())

    def events() -> list[dict[str, Any]]:
        [found] = service.ecs.describe_services(cluster=service.cluster, services=["server"])["services"]
        told: list[dict[str, Any]] = found["events"]
        return told

    message = wait_for(events, "the event")[0]["message"]
    assert message.startswith("(service server) was unable to place a task. Reason: Capacity is unavailable")
    assert service.tasks() == service.tasks("PENDING") == []
    faulty.clear_faults()
    wait_for(service.tasks, "the task")


def test_a_task_is_replaced_under_its_clients(service: Service, faulty: EmbeddedAWS) -> None:
    service.create(service.register())
    [before] = wait_for(service.tasks, "the task")
    faulty.set_faults(task_replaced=1)
    [after] = wait_for(
        lambda: [task for task in service.tasks() if task["taskArn"] != before["taskArn"]], "another task"
    )
    [old] = service.ecs.describe_tasks(cluster=service.cluster, tasks=[before["taskArn"]])["tasks"]
    assert old["lastStatus"] == "STOPPED"
    assert "performing maintenance" in old["stoppedReason"]
    assert after["lastStatus"] == "RUNNING"


def test_events_come_twice_and_out_of_order(service: Service, faulty: EmbeddedAWS, record: Json) -> None:
    record.install()
    faulty.set_faults(events_twice=1, events_reordered=5)
    service.create(service.register())
    wait_for(service.tasks, "the task")
    service.ecs.update_service(cluster=service.cluster, service="server", desiredCount=0)
    wait_for(lambda: len(record()) == 4, "both events, twice")
    assert [event["detail"]["lastStatus"] for event in record()] == ["STOPPED"] * 2 + ["RUNNING"] * 2
    assert len({event["id"] for event in record()}) == 2
