"""What somebody deletes in the console, past Terraform: every kind of thing that a deployment is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.terraform.support.inventory import ACCOUNT, client
from tests.terraform.support.stack import Client, Json

Delete = Callable[[Client, Json], object]


def _record(route53: Client, values: Json) -> None:
    """The record as it is now: its address is not Terraform's."""
    for found in route53.list_resource_record_sets(HostedZoneId=values["zone_id"])["ResourceRecordSets"]:
        if found["Type"] == values["type"]:
            change = {"Action": "DELETE", "ResourceRecordSet": found}
            route53.change_resource_record_sets(
                HostedZoneId=values["zone_id"], ChangeBatch={"Changes": [change]}
            )


def _gateway(ec2: Client, values: Json) -> None:
    ec2.detach_internet_gateway(InternetGatewayId=values["id"], VpcId=values["vpc_id"])
    ec2.delete_internet_gateway(InternetGatewayId=values["id"])


def _bucket(s3: Client, values: Json) -> None:
    for found in s3.list_objects_v2(Bucket=values["bucket"]).get("Contents", []):
        s3.delete_object(Bucket=values["bucket"], Key=found["Key"])
    s3.delete_bucket(Bucket=values["bucket"])


# Kind → service and how to delete one there. AWS refuses to delete what something else depends on, so the
# order is that in which all of it can be deleted.
TABLE: dict[str, tuple[str, Delete]] = {
    "aws_ecs_service": (
        "ecs",
        lambda ecs, it: ecs.delete_service(cluster=it["cluster"], service=it["name"], force=True),
    ),
    "aws_ecs_task_definition": (
        "ecs",
        lambda ecs, it: ecs.deregister_task_definition(taskDefinition=it["arn"]),
    ),
    "aws_ecs_cluster": ("ecs", lambda ecs, it: ecs.delete_cluster(cluster=it["name"])),
    "aws_cloudwatch_event_target": (
        "events",
        lambda events, it: events.remove_targets(Rule=it["rule"], Ids=[it["target_id"]]),
    ),
    "aws_cloudwatch_event_rule": ("events", lambda events, it: events.delete_rule(Name=it["name"])),
    "aws_lambda_permission": (
        "lambda",
        lambda functions, it: functions.remove_permission(
            FunctionName=it["function_name"], StatementId=it["statement_id"]
        ),
    ),
    "aws_sfn_state_machine": (
        "stepfunctions",
        lambda machines, it: machines.delete_state_machine(stateMachineArn=it["arn"]),
    ),
    "aws_lambda_function": (
        "lambda",
        lambda functions, it: functions.delete_function(FunctionName=it["function_name"]),
    ),
    "aws_cloudwatch_log_metric_filter": (
        "logs",
        lambda logs, it: logs.delete_metric_filter(logGroupName=it["log_group_name"], filterName=it["name"]),
    ),
    "aws_cloudwatch_log_group": ("logs", lambda logs, it: logs.delete_log_group(logGroupName=it["name"])),
    "aws_cloudwatch_dashboard": (
        "cloudwatch",
        lambda watch, it: watch.delete_dashboards(DashboardNames=[it["dashboard_name"]]),
    ),
    "aws_budgets_budget": (
        "budgets",
        lambda budgets, it: budgets.delete_budget(AccountId=ACCOUNT, BudgetName=it["name"]),
    ),
    "aws_codebuild_project": ("codebuild", lambda builds, it: builds.delete_project(name=it["name"])),
    "aws_iam_role_policy": (
        "iam",
        lambda iam, it: iam.delete_role_policy(RoleName=it["role"], PolicyName=it["name"]),
    ),
    "aws_iam_role": ("iam", lambda iam, it: iam.delete_role(RoleName=it["name"])),
    "aws_ecr_lifecycle_policy": (
        "ecr",
        lambda ecr, it: ecr.delete_lifecycle_policy(repositoryName=it["repository"]),
    ),
    "aws_ecr_repository_policy": (
        "ecr",
        lambda ecr, it: ecr.delete_repository_policy(repositoryName=it["repository"]),
    ),
    "aws_ecr_repository": (
        "ecr",
        lambda ecr, it: ecr.delete_repository(repositoryName=it["name"], force=True),
    ),
    "aws_route53_record": ("route53", _record),
    "aws_route53_zone": ("route53", lambda route53, it: route53.delete_hosted_zone(Id=it["zone_id"])),
    "aws_ssm_parameter": ("ssm", lambda ssm, it: ssm.delete_parameter(Name=it["name"])),
    "aws_s3_bucket_policy": ("s3", lambda s3, it: s3.delete_bucket_policy(Bucket=it["bucket"])),
    "aws_s3_bucket_public_access_block": (
        "s3",
        lambda s3, it: s3.delete_public_access_block(Bucket=it["bucket"]),
    ),
    "aws_s3_bucket_ownership_controls": (
        "s3",
        lambda s3, it: s3.delete_bucket_ownership_controls(Bucket=it["bucket"]),
    ),
    "aws_s3_bucket_server_side_encryption_configuration": (
        "s3",
        lambda s3, it: s3.delete_bucket_encryption(Bucket=it["bucket"]),
    ),
    "aws_s3_bucket_lifecycle_configuration": (
        "s3",
        lambda s3, it: s3.delete_bucket_lifecycle(Bucket=it["bucket"]),
    ),
    "aws_s3_bucket": ("s3", _bucket),
    "aws_vpc_security_group_ingress_rule": (
        "ec2",
        lambda ec2, it: ec2.revoke_security_group_ingress(
            GroupId=it["security_group_id"], SecurityGroupRuleIds=[it["id"]]
        ),
    ),
    "aws_vpc_security_group_egress_rule": (
        "ec2",
        lambda ec2, it: ec2.revoke_security_group_egress(
            GroupId=it["security_group_id"], SecurityGroupRuleIds=[it["id"]]
        ),
    ),
    "aws_route_table_association": (
        "ec2",
        lambda ec2, it: ec2.disassociate_route_table(AssociationId=it["id"]),
    ),
    "aws_route_table": ("ec2", lambda ec2, it: ec2.delete_route_table(RouteTableId=it["id"])),
    "aws_subnet": ("ec2", lambda ec2, it: ec2.delete_subnet(SubnetId=it["id"])),
    "aws_internet_gateway": ("ec2", _gateway),
    "aws_security_group": ("ec2", lambda ec2, it: ec2.delete_security_group(GroupId=it["id"])),
    "aws_vpc": ("ec2", lambda ec2, it: ec2.delete_vpc(VpcId=it["id"])),
}

WITH_ITS_OWNER = {"aws_default_security_group", "terraform_data"}
"""What nobody deletes: a VPC's default security group goes with it; the other is nothing in the account."""

NEEDED_BY: dict[str, tuple[str, ...]] = {
    "aws_ecs_cluster": ("aws_ecs_service",),
    "aws_cloudwatch_event_rule": ("aws_cloudwatch_event_target",),
    "aws_iam_role": ("aws_iam_role_policy",),
    "aws_route53_zone": ("aws_route53_record",),
    "aws_internet_gateway": ("aws_route_table_association", "aws_route_table"),
    "aws_route_table": ("aws_route_table_association",),
    "aws_subnet": ("aws_ecs_service", "aws_route_table_association"),
    "aws_security_group": (
        "aws_ecs_service",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
    ),
    "aws_vpc": (
        "aws_ecs_service",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
        "aws_route_table_association",
        "aws_route_table",
        "aws_subnet",
        "aws_internet_gateway",
        "aws_security_group",
    ),
}
"""What has to go before a thing of a kind can be deleted."""


def delete(cloud: EmbeddedAWS, resources: Iterable[Json], kinds: Iterable[str]) -> list[str]:
    """Delete everything of these kinds, in the table's order; the addresses of what is gone."""
    listed, wanted = list(resources), set(kinds)
    gone = []
    for kind, (service, remove) in TABLE.items():
        for each in listed:
            if each["type"] == kind and kind in wanted:
                remove(client(cloud, service), each["values"])
                gone.append(str(each["address"]))
    return gone
