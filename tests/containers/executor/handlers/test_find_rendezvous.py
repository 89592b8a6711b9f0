"""An execution gets the address of a server that answers, or has one started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import clients
from containers.executor.handlers import find_rendezvous
from containers.executor.handlers.find_rendezvous import RendezvousAway, answers
from tests.containers.executor.conftest import PARAMETER
from tests.containers.rendezvous.support.processes import server

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


CONTAINER: Any = {"name": "server", "image": "server:1", "memory": 64}


def desired_tasks() -> int:
    found = clients.ecs().describe_services(cluster="rendezvous", services=["on-demand"])["services"]
    return int(found[0].get("desiredCount", -1))


@pytest.fixture
def publish(ssm: SSMClient, monkeypatch: pytest.MonkeyPatch) -> SSMClient:
    """A service without a task, and no address yet."""
    monkeypatch.setenv("ECS_CLUSTER", "rendezvous")
    monkeypatch.setenv("ECS_SERVICE", "on-demand")
    ecs = clients.ecs()
    ecs.create_cluster(clusterName="rendezvous")
    ecs.register_task_definition(family="server", containerDefinitions=[CONTAINER])
    ecs.create_service(cluster="rendezvous", serviceName="on-demand", taskDefinition="server", desiredCount=0)
    ssm.put_parameter(Name=PARAMETER, Value="pending", Type="String")
    return ssm


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_server_that_answers_is_used_and_none_is_started(
    publish: SSMClient, context: SimpleNamespace
) -> None:
    with server() as it:
        publish.put_parameter(Name=PARAMETER, Value=f"127.0.0.1:{it.port}", Overwrite=True)
        assert find_rendezvous.handler({}, context) == {"host": "127.0.0.1", "port": it.port}
    assert desired_tasks() == 0


@pytest.mark.usefixtures("publish")
def test_without_an_address_a_server_is_started(context: SimpleNamespace) -> None:
    for _ in range(2):
        with pytest.raises(RendezvousAway, match="did not start in time: see in ECS why"):
            find_rendezvous.handler({}, context)
        assert desired_tasks() == 1


def test_the_address_of_a_server_that_is_gone_is_not_used(
    publish: SSMClient, context: SimpleNamespace
) -> None:
    with server() as it:
        address = f"127.0.0.1:{it.port}"
    publish.put_parameter(Name=PARAMETER, Value=address, Overwrite=True)
    with pytest.raises(RendezvousAway, match=f"{address} does not answer"):
        find_rendezvous.handler({}, context)
    assert desired_tasks() == 1


def test_something_else_at_the_address_is_no_server(mute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.executor.handlers.find_rendezvous.PROBE_S", 0.2)
    assert not answers("127.0.0.1", mute)
