"""Bucket policies: what is denied to insecure connections is not denied here, all else is."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Json, client


@pytest.fixture
def bucket(cloud: EmbeddedAWS) -> Iterator[str]:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="with-a-policy")
    yield "with-a-policy"
    s3.delete_bucket_policy(Bucket="with-a-policy")
    s3.delete_object(Bucket="with-a-policy", Key="a")
    s3.delete_bucket(Bucket="with-a-policy")


def deny(cloud: EmbeddedAWS, bucket: str, **condition: Json) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": statement | condition}
    client(cloud, "s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


@pytest.mark.parametrize("value", ["false", ["false"]])
def test_a_policy_for_insecure_connections_lets_everything_through(
    cloud: EmbeddedAWS, bucket: str, value: Json
) -> None:
    deny(cloud, bucket, Condition={"Bool": {"aws:SecureTransport": value}})
    s3 = client(cloud, "s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]})
    assert [each["Key"] for each in answer["Deleted"]] == ["a"]


@pytest.mark.parametrize("condition", [{}, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}])
def test_any_other_denial_holds(cloud: EmbeddedAWS, bucket: str, condition: Json) -> None:
    deny(cloud, bucket, **condition)
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        client(cloud, "s3").put_object(Bucket=bucket, Key="a", Body=b"1")
