"""Requests of users and roles: allowed, or refused in the service's own format and words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import boto3
import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Json, client

ACCOUNT = "123456789012"
BUCKET = "kept"


@dataclass(frozen=True)
class User:
    """A person with an access key."""

    cloud: EmbeddedAWS
    name: str
    session: boto3.Session

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:user/{self.name}"

    def client(self, service: str) -> Json:
        return self.session.client(service, endpoint_url=self.cloud.endpoint_url)  # type: ignore[call-overload]

    def may(self, *statements: Json) -> None:
        """Give it these statements, and no others."""
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam = client(self.cloud, "iam")
        iam.put_user_policy(UserName=self.name, PolicyName="test", PolicyDocument=document)


def allow(action: str | list[str], resource: str | list[str] = "*", effect: str = "Allow") -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.fixture
def user(cloud: EmbeddedAWS, request: pytest.FixtureRequest) -> User:
    """A user who may do nothing."""
    name = "u-" + re.sub(r"\W", "", request.node.name[:40])
    iam = client(cloud, "iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(
        cloud, name, boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    )


@pytest.fixture
def bucket(cloud: EmbeddedAWS) -> Iterator[str]:
    """A bucket with a/1 and b/1."""
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("a/1", "b/1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    yield BUCKET
    s3.delete_bucket_policy(Bucket=BUCKET)
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    s3.delete_bucket(Bucket=BUCKET)


REFUSALS: list[tuple[str, Callable[[Json], object], str, str, str]] = [
    ("s3", lambda c: c.list_objects_v2(Bucket="x"), "AccessDenied", "s3:ListBucket", '"arn:aws:s3:::x"'),
    (
        "s3",
        lambda c: c.put_object(Bucket="x", Key="ä b/c", Body=b""),
        "AccessDenied",
        "s3:PutObject",
        '"arn:aws:s3:::x/ä b/c"',
    ),
    (
        "lambda",
        lambda c: c.invoke(FunctionName="f"),
        "AccessDeniedException",
        "lambda:InvokeFunction",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
    ),
    (
        "ssm",
        lambda c: c.get_parameter(Name="/p"),
        "AccessDeniedException",
        "ssm:GetParameter",
        f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/p",
    ),
    (
        "iam",
        lambda c: c.get_role(RoleName="r"),
        "AccessDenied",
        "iam:GetRole",
        f"arn:aws:iam::{ACCOUNT}:role/r",
    ),
    ("ec2", lambda c: c.describe_vpcs(), "UnauthorizedOperation", "ec2:DescribeVpcs", "*"),
    ("route53", lambda c: c.list_hosted_zones(), "AccessDenied", "route53:ListHostedZones", "*"),
    ("codebuild", lambda c: c.list_projects(), "AccessDeniedException", "codebuild:ListProjects", "*"),
    ("cloudwatch", lambda c: c.list_dashboards(), "AccessDeniedException", "cloudwatch:ListDashboards", "*"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal[3])
def test_a_refusal_is_aws_s(user: User, refusal: tuple[str, Callable[[Json], object], str, str, str]) -> None:
    service, call, code, action, resource = refusal
    with pytest.raises(ClientError) as caught:
        call(user.client(service))
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert error["Message"].endswith(
        f"User: {user.arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def test_who_am_i(user: User, cloud: EmbeddedAWS) -> None:
    assert user.client("sts").get_caller_identity()["Arn"] == user.arn
    assert client(cloud, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_head_says_forbidden_and_no_more(user: User, bucket: str) -> None:
    with pytest.raises(ClientError, match=r"403.*Forbidden"):
        user.client("s3").head_object(Bucket=bucket, Key="a/1")


def test_who_may_not_list_does_not_learn_what_is_missing(user: User, bucket: str) -> None:
    user.may(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    s3 = user.client("s3")
    assert s3.get_object(Bucket=bucket, Key="a/1")["Body"].read() == b"x"
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:ListBucket"):
        s3.get_object(Bucket=bucket, Key="missing")
    user.may(allow(["s3:GetObject", "s3:ListBucket"]))
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="missing")


def test_several_objects_are_deleted_each_for_itself(user: User, bucket: str, cloud: EmbeddedAWS) -> None:
    user.may(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/a/*"))
    keys = {"Objects": [{"Key": "a/1"}, {"Key": "b/1"}]}
    answer = user.client("s3").delete_objects(Bucket=bucket, Delete=keys)
    assert [one["Key"] for one in answer["Deleted"]] == ["a/1"]
    [error] = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("b/1", "AccessDenied")
    assert "s3:DeleteObject" in error["Message"]
    left = client(cloud, "s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in left] == ["b/1"]


def test_a_bucket_s_policy_gives_and_takes(user: User, bucket: str, cloud: EmbeddedAWS) -> None:
    s3, everything = user.client("s3"), f"arn:aws:s3:::{bucket}/*"
    given = {**allow("s3:GetObject", everything), "Principal": {"AWS": user.arn}}
    client(cloud, "s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [given]})
    )
    assert s3.get_object(Bucket=bucket, Key="a/1")["Body"].read() == b"x"
    user.may(allow("s3:GetObject", everything, effect="Deny"))
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        s3.get_object(Bucket=bucket, Key="a/1")


def test_a_boundary_takes_away(user: User, bucket: str, cloud: EmbeddedAWS) -> None:
    user.may(allow("s3:*"))
    iam = client(cloud, "iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": allow("s3:ListBucket")})
    boundary = iam.create_policy(PolicyName="edge", PolicyDocument=document)["Policy"]["Arn"]
    role = iam.create_role(
        RoleName="bound",
        PermissionsBoundary=boundary,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"AWS": user.arn},
                },
            }
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="bound",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow("s3:*")}),
    )
    user.may(allow("sts:AssumeRole", role))
    given = user.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
    with pytest.raises(ClientError, match=r"assumed-role/bound/session .*no permissions boundary allows"):
        s3.get_object(Bucket=bucket, Key="a/1")


def test_what_the_tables_do_not_know_is_refused_by_name(user: User) -> None:
    user.may(allow("*"))
    with pytest.raises(ClientError, match="does not know which permission dynamodb:ListTables needs"):
        user.client("dynamodb").list_tables()
