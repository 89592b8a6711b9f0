"""The published address follows the rendezvous task, whatever order the events come in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import clients
from containers.executor.handlers import publish_address
from containers.executor.rendezvous import scale_service
from tests.containers.executor.conftest import PARAMETER

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


CONTAINER: Any = {"name": "server", "image": "server:1", "memory": 64}


def make_interface(subnet: str) -> tuple[str, str]:
    """A network interface with a public address, as a Fargate task has; its id and the address."""
    ec2 = clients.ec2()
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    return interface, address["PublicIp"]


def state_change(status: str, interface: str | None) -> dict[str, Any]:
    """An ECS Task State Change event, as far as it is read."""
    details = [{"name": "subnetId", "value": "subnet-1"}]
    if interface:
        details.append({"name": "networkInterfaceId", "value": interface})
    attachment = {"id": "1", "type": "eni", "status": "ATTACHED", "details": details}
    return {"detail": {"taskArn": "arn:task", "lastStatus": status, "attachments": [attachment]}}


@pytest.fixture
def subnet(ssm: SSMClient, monkeypatch: pytest.MonkeyPatch) -> str:
    vpc = str(clients.ec2().create_vpc(CidrBlock="10.0.0.0/24")["Vpc"].get("VpcId"))
    monkeypatch.setenv("VPC_ID", vpc)
    monkeypatch.setenv("RENDEZVOUS_PORT", "10000")
    monkeypatch.delenv("HOSTED_ZONE_ID", raising=False)
    ssm.put_parameter(Name=PARAMETER, Value="pending", Type="String")
    return str(clients.ec2().create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/25")["Subnet"].get("SubnetId"))


def published() -> str:
    return str(clients.ssm().get_parameter(Name=PARAMETER)["Parameter"].get("Value"))


def test_a_running_task_is_published(subnet: str, context: SimpleNamespace) -> None:
    interface, ip = make_interface(subnet)
    answer = publish_address.handler(state_change("RUNNING", interface), context)
    assert answer == {"address": f"{ip}:10000"}
    assert published() == f"{ip}:10000"


def test_a_stopped_task_is_withdrawn(subnet: str, context: SimpleNamespace) -> None:
    interface, _ = make_interface(subnet)
    publish_address.handler(state_change("RUNNING", interface), context)
    assert publish_address.handler(state_change("STOPPED", interface), context) == {"address": "pending"}
    assert published() == "pending"
    assert publish_address.handler(state_change("STOPPED", interface), context) == {"address": None}


@pytest.fixture
def service(subnet: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service of a server that is started on demand, with a task."""
    for name, value in {"ON_DEMAND": "1", "ECS_CLUSTER": "rendezvous", "ECS_SERVICE": "on-demand"}.items():
        monkeypatch.setenv(name, value)
    ecs = clients.ecs()
    ecs.create_cluster(clusterName="rendezvous")
    ecs.register_task_definition(family="server", containerDefinitions=[CONTAINER])
    ecs.create_service(cluster="rendezvous", serviceName="on-demand", taskDefinition="server", desiredCount=1)
    return subnet


def desired_tasks() -> int:
    found = clients.ecs().describe_services(cluster="rendezvous", services=["on-demand"])["services"]
    return int(found[0].get("desiredCount", -1))


def test_a_server_on_demand_that_ended_is_not_started_again(service: str, context: SimpleNamespace) -> None:
    interface, _ = make_interface(service)
    publish_address.handler(state_change("RUNNING", interface), context)
    assert desired_tasks() == 1
    publish_address.handler(state_change("STOPPED", interface), context)
    assert (desired_tasks(), published()) == (0, "pending")


@pytest.mark.usefixtures("service")
def test_a_server_on_demand_that_never_came_up_is_given_up(context: SimpleNamespace) -> None:
    publish_address.handler(state_change("STOPPED", None), context)
    assert desired_tasks() == 0


def test_a_second_word_of_an_end_does_not_stop_the_successor(service: str, context: SimpleNamespace) -> None:
    old, _ = make_interface(service)
    new, ip = make_interface(service)
    publish_address.handler(state_change("RUNNING", old), context)
    publish_address.handler(state_change("STOPPED", old), context)
    scale_service(1)  # an execution asks
    publish_address.handler(state_change("RUNNING", new), context)
    publish_address.handler(state_change("STOPPED", old), context)
    assert (desired_tasks(), published()) == (1, f"{ip}:10000")


def test_a_successor_that_nobody_asked_for_is_ended(service: str, context: SimpleNamespace) -> None:
    old, _ = make_interface(service)
    new, _ = make_interface(service)
    publish_address.handler(state_change("RUNNING", old), context)
    # ECS is faster than the word of the old one's end.
    answer = publish_address.handler(state_change("RUNNING", new), context)
    assert (answer, desired_tasks(), published()) == ({"address": "pending"}, 0, "pending")
    publish_address.handler(state_change("STOPPED", old), context)
    publish_address.handler(state_change("STOPPED", new), context)
    assert (desired_tasks(), published()) == (0, "pending")


def test_the_end_of_a_task_does_not_withdraw_its_successor(subnet: str, context: SimpleNamespace) -> None:
    old, _ = make_interface(subnet)
    new, ip = make_interface(subnet)
    publish_address.handler(state_change("RUNNING", old), context)
    publish_address.handler(state_change("RUNNING", new), context)
    publish_address.handler(state_change("STOPPED", old), context)
    assert published() == f"{ip}:10000"


@pytest.mark.usefixtures("subnet")
def test_late_news_of_a_task_that_is_gone_changes_nothing(context: SimpleNamespace) -> None:
    event = state_change("RUNNING", "eni-0123456789abcdef0")
    assert publish_address.handler(event, context) == {"address": None}
    assert publish_address.handler(state_change("RUNNING", None), context) == {"address": None}
    assert published() == "pending"


def test_a_task_without_a_public_address_changes_nothing(subnet: str, context: SimpleNamespace) -> None:
    interface = clients.ec2().create_network_interface(SubnetId=subnet)["NetworkInterface"]
    event = state_change("RUNNING", interface.get("NetworkInterfaceId"))
    assert publish_address.handler(event, context) == {"address": None}


def test_with_a_domain_its_record_follows(
    subnet: str, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    route53 = clients.route53()
    zone = route53.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"]
    monkeypatch.setenv("HOSTED_ZONE_ID", zone.removeprefix("/hostedzone/"))
    monkeypatch.setenv("RECORD_NAME", "rendezvous.example.org")
    for _ in range(2):
        interface, ip = make_interface(subnet)
        publish_address.handler(state_change("RUNNING", interface), context)
        records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        [record] = [record for record in records if record["Type"] == "A"]
        assert record["Name"] == "rendezvous.example.org."
        assert record.get("TTL") == 10
        assert record.get("ResourceRecords") == [{"Value": ip}]
    publish_address.handler(state_change("STOPPED", interface), context)
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [record] = [record for record in records if record["Type"] == "A"]
    assert record.get("ResourceRecords") == [{"Value": "192.0.2.1"}]
