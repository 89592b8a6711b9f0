"""Reading S3: whole listings, whole objects, and what is not there.

An object is read again when its connection broke: boto3 does so only until the body begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef

T = TypeVar("T")

ATTEMPTS = 4
"""How often an object is asked for while connections break in the middle of it."""

_ABSENT = ("NoSuchKey", "404")
"""A HEAD has no body to say more, and says 404 of a bucket, too."""
_NO_BUCKET = "NoSuchBucket"


class Readable(Protocol):
    """What of a boto3 S3 client is used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803, ANN401
        """An object's body under "Body"."""


def list_objects(client: S3Client, bucket: str, prefix: str) -> list[ObjectTypeDef]:
    """All objects whose keys start with ``prefix``, however many, in the order of their keys.

    Raises ClientError for a bucket that is not there or may not be listed.
    """
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry for page in pages for entry in page.get("Contents", [])]


def read_object(client: Readable, bucket: str, key: str) -> bytes:
    """An object's bytes; raises what `read_again` does."""

    def read() -> bytes:
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    return read_again(f"s3://{bucket}/{key}", read)


def read_if_there(client: Readable, bucket: str, key: str) -> bytes | None:
    """An object's bytes, or None where there is no such object; raises what else `read_again` does."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - whoever has a client has imported it

    try:
        return read_object(client, bucket, key)
    except ClientError as error:
        if is_absent(error):
            return None
        raise


def read_again(name: str, read: Callable[[], T]) -> T:
    """What `read`, which gets an object and its whole body, returns in the first attempt that does not break.

    Raises ConnectionError, which has the object's `name`, when every one did, and what else `read` raises.
    """
    from botocore import exceptions as s3  # noqa: PLC0415 - whoever has a client has imported it

    for _ in range(ATTEMPTS):
        try:
            return read()
        except (s3.IncompleteReadError, s3.ReadTimeoutError, s3.ResponseStreamingError) as error:
            broken = str(error)
    raise ConnectionError(
        f"{name} broke off in each of {ATTEMPTS} attempts to read it: run this again later "
        f"(the last time: {broken})"
    )


def is_absent(error: ClientError) -> bool:
    """Whether S3 says that there is no such object."""
    return error_code(error) in _ABSENT


def is_no_bucket(error: ClientError) -> bool:
    """Whether S3 says that there is no such bucket."""
    return error_code(error) == _NO_BUCKET


def error_code(error: ClientError) -> str:
    """S3's name for what went wrong, such as ``AccessDenied``."""
    return error.response["Error"]["Code"]
