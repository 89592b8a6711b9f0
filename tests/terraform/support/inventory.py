"""Everything that a deployment can leave behind in an account, service by service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.terraform.support.stack import Client

ACCOUNT = "123456789012"

Lister = Callable[[Client], Iterator[str]]


def list_everything(cloud: EmbeddedAWS) -> dict[str, set[str]]:
    """Kind of thing → names of all there are."""
    return {kind: set(lister(client(cloud, service))) for kind, (service, lister) in LISTERS.items()}


def client(cloud: EmbeddedAWS, service: str) -> Client:
    """A boto3 client of the embedded AWS."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=cloud.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="test",
    )


def _pages(operation: str, *path: str, name: str = "", **arguments: str) -> Lister:
    """A lister: the operation's pages, the list below `path`, and of each entry its `name` (or itself)."""

    def lister(client: Client) -> Iterator[str]:
        pages = (
            client.get_paginator(operation).paginate(**arguments)
            if client.can_paginate(operation)
            else [getattr(client, operation)(**arguments)]
        )
        for page in pages:
            entries = page
            for step in path:
                entries = entries[step]
            yield from (str(entry[name]) if name else str(entry) for entry in entries)

    return lister


def _of_each(outer: Lister, operation: str, argument: str, key: str) -> Lister:
    """A lister of what `operation` finds in each thing that `outer` lists."""

    def lister(client: Client) -> Iterator[str]:
        for each in outer(client):
            yield from (f"{each}: {found}" for found in getattr(client, operation)(**{argument: each})[key])

    return lister


def _clusters(client: Client) -> Iterator[str]:
    arns = client.list_clusters()["clusterArns"]
    for cluster in client.describe_clusters(clusters=arns)["clusters"]:
        if cluster["status"] != "INACTIVE":  # ECS goes on showing a deleted one for a while
            yield cluster["clusterArn"]


def _services(client: Client) -> Iterator[str]:
    for cluster in _clusters(client):
        yield from client.list_services(cluster=cluster)["serviceArns"]


def _tasks(client: Client) -> Iterator[str]:
    for cluster in _clusters(client):
        yield from client.list_tasks(cluster=cluster)["taskArns"]


def _budgets(client: Client) -> Iterator[str]:
    yield from (each["BudgetName"] for each in client.describe_budgets(AccountId=ACCOUNT)["Budgets"])


_BUCKETS = _pages("list_buckets", "Buckets", name="Name")
_REPOSITORIES = _pages("describe_repositories", "repositories", name="repositoryName")
_ROLES = _pages("list_roles", "Roles", name="RoleName")
_RULES = _pages("list_rules", "Rules", name="Name")
_ZONES = _pages("list_hosted_zones", "HostedZones", name="Id")

LISTERS: dict[str, tuple[str, Lister]] = {
    "bucket": ("s3", _BUCKETS),
    "repository": ("ecr", _REPOSITORIES),
    "image": ("ecr", _of_each(_REPOSITORIES, "list_images", "repositoryName", "imageIds")),
    "cluster": ("ecs", _clusters),
    "service": ("ecs", _services),
    "task": ("ecs", _tasks),
    "task definition": ("ecs", _pages("list_task_definitions", "taskDefinitionArns", status="ACTIVE")),
    "VPC": ("ec2", _pages("describe_vpcs", "Vpcs", name="VpcId")),
    "subnet": ("ec2", _pages("describe_subnets", "Subnets", name="SubnetId")),
    "security group": ("ec2", _pages("describe_security_groups", "SecurityGroups", name="GroupId")),
    "internet gateway": (
        "ec2",
        _pages("describe_internet_gateways", "InternetGateways", name="InternetGatewayId"),
    ),
    "NAT gateway": ("ec2", _pages("describe_nat_gateways", "NatGateways", name="NatGatewayId")),
    "address": ("ec2", _pages("describe_addresses", "Addresses", name="AllocationId")),
    "route table": ("ec2", _pages("describe_route_tables", "RouteTables", name="RouteTableId")),
    "network interface": (
        "ec2",
        _pages("describe_network_interfaces", "NetworkInterfaces", name="NetworkInterfaceId"),
    ),
    "hosted zone": ("route53", _ZONES),
    "record": (
        "route53",
        _of_each(_ZONES, "list_resource_record_sets", "HostedZoneId", "ResourceRecordSets"),
    ),
    "role": ("iam", _ROLES),
    "role policy": ("iam", _of_each(_ROLES, "list_role_policies", "RoleName", "PolicyNames")),
    "policy": ("iam", _pages("list_policies", "Policies", name="Arn", Scope="Local")),
    "user": ("iam", _pages("list_users", "Users", name="UserName")),
    "function": ("lambda", _pages("list_functions", "Functions", name="FunctionName")),
    "state machine": ("stepfunctions", _pages("list_state_machines", "stateMachines", name="name")),
    "log group": ("logs", _pages("describe_log_groups", "logGroups", name="logGroupName")),
    "metric filter": ("logs", _pages("describe_metric_filters", "metricFilters", name="filterName")),
    "dashboard": ("cloudwatch", _pages("list_dashboards", "DashboardEntries", name="DashboardName")),
    "alarm": ("cloudwatch", _pages("describe_alarms", "MetricAlarms", name="AlarmName")),
    "parameter": ("ssm", _pages("describe_parameters", "Parameters", name="Name")),
    "rule": ("events", _RULES),
    "rule target": ("events", _of_each(_RULES, "list_targets_by_rule", "Rule", "Targets")),
    "budget": ("budgets", _budgets),
    "build project": ("codebuild", _pages("list_projects", "projects")),
}
