"""The rendezvous server on demand and always on, by its SSM parameter and by its Route 53 record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import psutil
import pytest

from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from tests.e2e.support.stack import Stack, client

T = TypeVar("T")
PATIENCE_S = 150.0
BARRIER = """
import fmi
with fmi.from_env() as comm:
    comm.barrier()
"""


def wait_for(look: Callable[[], T], what: str) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)
    return seen


class Server:
    """The rendezvous service of a deployment."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.clients = stack.target.clients
        self.where = stack.deployment.rendezvous

    def desired(self) -> int:
        """Tasks that the service wants."""
        found = self.clients.ecs.describe_services(
            cluster=self.where["cluster"], services=[self.where["service"]]
        )
        return int(found["services"][0].get("desiredCount", -1))

    def address(self) -> str:
        """What is published."""
        return str(self.clients.ssm.get_parameter(Name=self.where["parameter"])["Parameter"].get("Value"))

    def processes(self) -> list[psutil.Process]:
        """The processes of the running server; two, as one supervises the other."""
        found = []
        for task in self.stack.cloud.admin("status")["tasks"]:
            if task["running"]:
                with suppress(psutil.NoSuchProcess):  # it may end between the two looks
                    found.append(psutil.Process(task["pid"]))
        return found

    def end(self, *, kindly: bool) -> None:
        """End the server as its idle time does (exit status 0), or as a crash."""
        for supervisor in self.processes():
            with suppress(psutil.NoSuchProcess):
                for child in supervisor.children():
                    child.terminate() if kindly else child.kill()

    def rest(self) -> None:
        """Bring the service to where nothing runs."""
        self.end(kindly=True)
        wait_for(lambda: (self.desired(), self.address(), self.processes()) == (0, "pending", []), "rest")


def run(stack: Stack) -> None:
    """A world of two that meets."""
    stack.put("meeting/run.py", BARRIER)
    payload = {"bucket": stack.deployment.bucket, "world_size": 2, "object_type": "folder"}
    machine = stack.target.clients.stepfunctions
    arn = machine.start_execution(
        stateMachineArn=stack.deployment.state_machine_arn,
        input=json.dumps({**payload, "S3_object_name": "meeting", "script": "/tmp/meeting/run.py"}),
    )["executionArn"]

    def status() -> str:
        return machine.describe_execution(executionArn=arn)["status"]

    wait_for(lambda: status() != "RUNNING", "the end of the execution")
    assert status() == "SUCCEEDED"


def test_an_idle_deployment_runs_no_server_until_an_execution_needs_one(stack: Stack) -> None:
    server = Server(stack)
    if server.address() != "pending" or server.desired():
        wait_for(server.processes, "the server of an earlier test")
        server.rest()
    run(stack)
    assert server.desired() == 1
    [process] = server.processes()
    run(stack)
    assert server.processes() == [process], "the second execution uses the first one's server"


@pytest.mark.parametrize("kindly", [True, False], ids=["idle", "crashed"])
def test_a_server_that_ended_stays_away_until_it_is_needed(stack: Stack, kindly: bool) -> None:
    server = Server(stack)
    run(stack)
    [before] = server.processes()
    stack.cloud.admin("reset-idle")  # after an idle time publish_address starts cold
    server.end(kindly=kindly)
    wait_for(lambda: server.desired() == 0 and server.address() == "pending", "the end of the service's task")
    wait_for(lambda: not server.processes(), "the end of every task")
    run(stack)
    [after] = server.processes()
    assert after != before


def test_two_executions_at_once_share_one_server(stack: Stack) -> None:
    server = Server(stack)
    if server.processes():
        server.rest()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (stack, stack)))
    assert len(server.processes()) == 1


@pytest.fixture(scope="module")
def with_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployment of its own, always on and with a domain."""
    state = tmp_path_factory.mktemp("always-on")
    settings = {"rendezvous_mode": "always-on", "domain_name": "example.org", "create_zone": True}
    target = LocalTarget(state=state, variables=settings)
    deployment = target.prepare(Reporter())
    yield Stack(state, target, deployment)
    target.release(abandoned=True)


def test_a_server_that_is_always_on_has_a_record_and_comes_back(with_domain: Stack) -> None:
    server = Server(with_domain)
    wait_for(lambda: server.address() != "pending", "the published address")
    zones = client(with_domain, "route53").list_hosted_zones()["HostedZones"]
    [zone] = [zone["Id"] for zone in zones if zone["Name"] == "example.org."]

    def record() -> dict[str, Any]:
        found = client(with_domain, "route53").list_resource_record_sets(HostedZoneId=zone)
        [one] = [one for one in found["ResourceRecordSets"] if one["Type"] == "A"]
        return dict(one)

    assert record()["Name"] == "rendezvous.example.org."
    assert record()["TTL"] <= 10
    assert record()["ResourceRecords"] == [{"Value": "127.0.0.1"}]
    [before] = server.processes()
    server.end(kindly=False)
    wait_for(lambda: [one for one in server.processes() if one != before], "its successor")
    wait_for(lambda: server.address() != "pending", "its address")
    assert server.desired() == 1
    assert with_domain.target.pending_changes() == []

    run(with_domain)
