"""Reading S3: all of a listing, all of an object, and None for what is not there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from moto import mock_aws

from cosmic_fmi.common.s3 import ATTEMPTS, is_absent, is_no_bucket, list_objects, read_if_there, read_object

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

BUCKET = "a-bucket"


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_a_listing_has_more_than_a_page(s3: S3Client) -> None:
    for number in range(1001):
        s3.put_object(Bucket=BUCKET, Key=f"in/{number:04}", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="in-between", Body=b"")
    found = [entry["Key"] for entry in list_objects(s3, BUCKET, "in/")]
    assert found == [f"in/{number:04}" for number in range(1001)]
    assert list_objects(s3, BUCKET, "out/") == []


def test_no_object_is_none_and_no_bucket_an_error(s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"body")
    assert read_if_there(s3, BUCKET, "key") == b"body"
    assert read_if_there(s3, BUCKET, "another") is None
    with pytest.raises(ClientError) as error:
        read_if_there(s3, "no-such-bucket", "key")
    assert is_no_bucket(error.value)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=BUCKET, Key="another")
    assert is_absent(error.value)


class Breaking:
    """A client whose bodies break off a few times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803
        self.left -= 1
        return {"Body": self if self.left >= 0 else io.BytesIO(b"whole")}

    def read(self) -> bytes:
        raise IncompleteReadError(actual_bytes=1, expected_bytes=5)


def test_a_body_that_breaks_off_is_read_again() -> None:
    assert read_object(Breaking(ATTEMPTS - 1), BUCKET, "key") == b"whole"
    with pytest.raises(ConnectionError, match=f"s3://{BUCKET}/key broke off in each of {ATTEMPTS} attempts"):
        read_object(Breaking(ATTEMPTS), BUCKET, "key")
