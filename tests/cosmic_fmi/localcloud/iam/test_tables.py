"""The tables against AWS's own list of actions, in the copy that parliament carries."""

import json
import re
import warnings
from functools import cache
from importlib.resources import files

import pytest

from cosmic_fmi.localcloud.iam.calls import Call
from cosmic_fmi.localcloud.iam.needs import UnmappedError, deletions, needs_of
from cosmic_fmi.localcloud.iam.tables import BASES, OPERATIONS, PASSED_ROLES, PREFIXES, TAGGED

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which is deprecated
    import parliament

ROWS = [
    (service, operation, action or operation, template)
    for service, operations in OPERATIONS.items()
    for operation, rows in operations.items()
    for action, template in rows
]


@cache
def definitions() -> dict[str, dict[str, set[str]]]:
    """Prefix → action → ARN formats of what it is about; empty for an action that knows no resources."""
    found: dict[str, dict[str, set[str]]] = {}
    for service in json.loads((files(parliament) / "iam_definition.json").read_text()):
        formats = {each["resource"]: each["arn"] for each in service["resources"]}
        for privilege in service["privileges"]:
            kinds = {each["resource_type"].rstrip("*") for each in privilege["resource_types"]} - {""}
            actions = found.setdefault(service["prefix"], {})
            actions[privilege["privilege"]] = {formats[kind] for kind in kinds if kind in formats}
    return found


def fits(arn: str, form: str) -> bool:
    pattern = re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(form))
    return re.fullmatch(pattern, arn) is not None


@pytest.mark.parametrize(("service", "operation", "action", "template"), ROWS)
def test_every_row_is_as_aws_s_list_says(service: str, operation: str, action: str, template: str) -> None:
    formats = definitions()[PREFIXES.get(service, service)][action]
    base = "" if template == "*" or template.startswith("arn:") else BASES[service]
    if template.startswith("arn:{"):
        return  # the caller names the ARN itself
    known = {"{ResourceId.1:kind}": "vpc", "{taskDefinition:last}": "x:1", "{x-amz-copy-source:path}": "x/y"}
    arn = re.sub(r"\{[^}]+\}", lambda found: known.get(found[0], "x"), base + template)
    if template == "*":
        assert not formats, f"{operation}: {action} is about {formats}"
    else:
        assert any(fits(arn, form) for form in formats), f"{operation}: {arn} is none of {formats}"


@pytest.mark.parametrize(("service", "operation"), [*TAGGED, *PASSED_ROLES])
def test_what_tags_or_passes_a_role_is_an_operation_with_rows(service: str, operation: str) -> None:
    if (service, operation) not in {("codebuild", "UpdateProject")}:
        assert operation in OPERATIONS[service]
    if (service, operation) in TAGGED:
        assert TAGGED[service, operation] in definitions()[PREFIXES.get(service, service)]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "needs"),
    [
        ("s3", "HeadObject", {"Bucket": "b", "Key": "a/b c"}, [("s3:GetObject", "arn:aws:s3:::b/a/b c")]),
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "k", "x-amz-copy-source": "/from/here"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::from/here")],
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f:live"},
            [("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f")],
        ),
        (
            "ecs",
            "DescribeServices",
            {"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/c", "services": ["one", "x/two"]},
            [
                ("ecs:DescribeServices", "arn:aws:ecs:us-east-1:123456789012:service/c/one"),
                ("ecs:DescribeServices", "arn:aws:ecs:us-east-1:123456789012:service/c/two"),
            ],
        ),
        (
            "iam",
            "CreateRole",
            {"RoleName": "r", "Tags.member.1.Key": "Project"},
            [
                ("iam:CreateRole", "arn:aws:iam::123456789012:role/r"),
                ("iam:TagRole", "arn:aws:iam::123456789012:role/r"),
            ],
        ),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r"},
            [
                ("lambda:CreateFunction", "arn:aws:lambda:us-east-1:123456789012:function:f"),
                ("iam:PassRole", "arn:aws:iam::123456789012:role/r"),
            ],
        ),
        (
            "ec2",
            "CreateVpc",
            {"TagSpecification.1.ResourceType": "vpc"},
            [
                ("ec2:CreateVpc", "arn:aws:ec2:us-east-1:123456789012:vpc/*"),
                ("ec2:CreateTags", "arn:aws:ec2:us-east-1:123456789012:vpc/*"),
            ],
        ),
        (
            "ssm",
            "GetParameter",
            {"Name": "/a/b"},
            [("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b")],
        ),
        ("sts", "GetCallerIdentity", {}, []),
    ],
)
def test_a_call_needs(
    service: str, operation: str, parameters: dict[str, object], needs: list[tuple[str, str]]
) -> None:
    found = needs_of(Call(service, operation, "us-east-1", "json", parameters))
    assert [(need.action, need.resource) for need in found] == needs


def test_an_operation_without_rows_is_refused_by_name() -> None:
    with pytest.raises(UnmappedError, match="dynamodb:PutItem"):
        needs_of(Call("dynamodb", "PutItem", "us-east-1", "json"))


def test_versions_have_actions_of_their_own() -> None:
    version = {"Bucket": "b", "Key": "k", "versionId": "1"}
    [need] = needs_of(Call("s3", "DeleteObject", "us-east-1", "rest-xml", version))
    assert need.action == "s3:DeleteObjectVersion"
    several = "<Object><Key>a&amp;b</Key><VersionId>1</VersionId></Object><Object><Key>c</Key></Object>"
    assert deletions(several) == [("a&b", "s3:DeleteObjectVersion"), ("c", "s3:DeleteObject")]


def test_a_new_budget_is_named_inside() -> None:
    [need] = needs_of(
        Call("budgets", "CreateBudget", "us-east-1", "json", {"Budget": {"BudgetName": "monthly"}})
    )
    assert need.resource == "arn:aws:budgets::123456789012:budget/monthly"
