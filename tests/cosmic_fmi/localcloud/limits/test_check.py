"""Names and sizes that AWS refuses, in its words, as boto3 reports them."""

import re
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from cosmic_fmi.localcloud.limits.names import environment_complaint, is_bucket_name, is_states_name
from tests.cosmic_fmi.localcloud.conftest import IMAGE, ROLE, Function, Json, client

TRUST = '{"Version": "2012-10-17", "Statement": []}'
MACHINE = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'
Call = Callable[[Json], object]


def function(name: str = "f", **configuration: Json) -> dict[str, Json]:
    code = {"PackageType": "Image", "Code": {"ImageUri": IMAGE}}
    return {"FunctionName": name, "Role": ROLE, **code, **configuration}


REFUSED: dict[str, tuple[str, Call, str, str]] = {
    "a function's characters": (
        "lambda",
        lambda lambda_: lambda_.create_function(**function("two words")),
        "ValidationException",
        r"1 validation error detected: Value 'two words' at 'functionName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ",
    ),
    "a function's length": (
        "lambda",
        lambda lambda_: lambda_.create_function(**function("f" * 65)),
        "ValidationException",
        "at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64",
    ),
    "a function's memory and time": (
        "lambda",
        lambda lambda_: lambda_.create_function(**function(MemorySize=10_241, Timeout=901)),
        "ValidationException",
        "2 validation errors detected: .*Member must have value ",
    ),
    "a function's environment": (
        "lambda",
        lambda lambda_: lambda_.create_function(**function(Environment={"Variables": {"A": "x" * 4096}})),
        "InvalidParameterValueException",
        'exceeded the 4KB limit. String measured: {"A":"xxx',
    ),
    "a variable of Lambda's own": (
        "lambda",
        lambda lambda_: lambda_.create_function(**function(Environment={"Variables": {"AWS_REGION": "x"}})),
        "InvalidParameterValueException",
        "Reserved keys used in this request: AWS_REGION",
    ),
    "a state machine's characters": (
        "stepfunctions",
        lambda sfn: sfn.create_state_machine(name="a/b", definition=MACHINE, roleArn=ROLE),
        "InvalidName",
        "Invalid Name: 'a/b'",
    ),
    "an execution's length": (
        "stepfunctions",
        lambda sfn: sfn.start_execution(stateMachineArn=f"{ROLE}x", name="e" * 81),
        "ValidationException",
        "at 'name' failed to satisfy constraint: Member must have length less than or equal to 80",
    ),
    "an execution's input": (
        "stepfunctions",
        lambda sfn: sfn.start_execution(stateMachineArn=f"{ROLE}x", input='"' + "x" * 262_143 + '"'),
        "ValidationException",
        "1 validation error detected: Value at 'input' failed to satisfy constraint: "
        "Member must have length less than or equal to 262144",
    ),
    "a role's length": (
        "iam",
        lambda iam: iam.create_role(RoleName="r" * 65, AssumeRolePolicyDocument=TRUST),
        "ValidationError",
        "at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
    ),
    "a role's characters": (
        "iam",
        lambda iam: iam.create_role(RoleName="my role", AssumeRolePolicyDocument=TRUST),
        "ValidationError",
        re.escape(r"Member must satisfy regular expression pattern: [\w+=,.@-]+"),
    ),
    "a log group's characters": (
        "logs",
        lambda logs: logs.create_log_group(logGroupName="a group"),
        "InvalidParameterException",
        re.escape(r"Value 'a group' at 'logGroupName' failed to satisfy constraint: Member must satisfy"),
    ),
    "a rule's characters": (
        "events",
        lambda events: events.put_rule(Name="a rule", ScheduleExpression="rate(1 day)"),
        "ValidationException",
        "at 'name' failed to satisfy constraint",
    ),
    "a bucket's characters": (
        "s3",
        lambda s3: s3.create_bucket(Bucket="My_Bucket"),
        "InvalidBucketName",
        "The specified bucket is not valid.",
    ),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_aws_refuses_is_refused_in_its_words(cloud: EmbeddedAWS, what: str) -> None:
    service, call, code, words = REFUSED[what]
    with pytest.raises(ClientError) as caught:
        call(client(cloud, service))
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert re.search(words, error["Message"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_is_within_the_limits_is_taken(cloud: EmbeddedAWS, deploy: Callable[..., Function]) -> None:
    variables = {"A": "x" * (4096 - len('{"A":""}'))}
    assert deploy("basic.echo", Environment={"Variables": variables}).invoke().error is None
    name = "cosmic-1.2"
    sfn = client(cloud, "stepfunctions")
    arn = sfn.create_state_machine(name=name, definition=MACHINE, roleArn=ROLE)["stateMachineArn"]
    sfn.start_execution(stateMachineArn=arn, name="e" * 80, input='"' + "x" * 262_000 + '"')
    sfn.delete_state_machine(stateMachineArn=arn)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a-bucket.of-3", True),
        ("ab", False),
        ("b" * 63, True),
        ("b" * 64, False),
        ("a..b", False),
        ("-a-b", False),
        ("Abc", False),
        ("192.168.5.4", False),
        ("xn--abc", False),
        ("abc--x-s3", False),
    ],
)
def test_bucket_names(name: str, fits: bool) -> None:
    assert is_bucket_name(name) is fits


@pytest.mark.parametrize("name", ["a b", "a\nb", "a<b", "a#b", "a&b", "a:b", "a\x7fb"])
def test_names_of_executions(name: str) -> None:
    assert not is_states_name(name)
    assert is_states_name(f"run_1.2-{len(name)}")


def test_the_environment_is_measured_as_json_in_utf_8() -> None:
    assert environment_complaint({"A": "é" * 2044}) is None
    assert environment_complaint({"A": "é" * 2045}) is not None
