"""Reading an object of S3 again when its connection broke: boto3 does so only until the body begins."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

ATTEMPTS = 4
"""How often an object is asked for while connections break in the middle of it."""


class Readable(Protocol):
    """What of a boto3 S3 client is used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803, ANN401
        """An object's body under "Body"."""


def read_object(client: Readable, bucket: str, key: str) -> bytes:
    """An object's bytes; raises what `read_again` does."""

    def read() -> bytes:
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    return read_again(f"s3://{bucket}/{key}", read)


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
