"""S3, or any service that speaks its protocol, as a store: one object a key.

S3 cannot be waited for, so a rank polls, more and more slowly (`Store.watch`). Objects are deleted after use.
A world that dies leaves its objects behind: give the bucket a lifecycle rule that expires the prefix `fmi/`
after a day.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from fmi.channels.base import Channel, World
from fmi.channels.storage.channel import Storage
from fmi.channels.storage.store import Store
from fmi.config import seconds
from fmi.errors import ChannelError, ConfigError

try:
    import boto3
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )
except ImportError as error:
    raise ConfigError(
        'the S3 channel needs boto3: pip install boto3, or set "enabled": "false" under backends.S3'
    ) from error

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

# One connection to S3 carries some 50 to 90 MB/s, so large messages go over several at once.
THREADS = 8
# Objects deleted with one request; the protocol's limit is 1000.
DELETE_AT_ONCE = 100
# Attempts for each request; the limit for an answer is for all of them together.
ATTEMPTS = 3

_log = logging.getLogger("fmi")

Result = TypeVar("Result")
Item = TypeVar("Item")


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:
    """The channel that the configuration calls S3."""
    return Storage(world, S3Store(settings, world.config.setup_s), settings)


class S3Store(Store):
    """Objects in one bucket.

    Args:
        settings: `bucket_name`, and `s3_region` and `endpoint_url` where they differ from the AWS
            configuration of the process; its credentials are used.
        stall_s: limit for one answer of the service, all attempts together, where the settings have no
            `stall_timeout`.
    """

    first_pause_s = 0.02
    piece_bytes = 8 << 20

    def __init__(self, settings: Mapping[str, Any], stall_s: float) -> None:
        bucket = settings.get("bucket_name")
        if not bucket:
            raise ConfigError('the S3 channel needs a bucket: set "bucket_name" under backends.S3')
        self._bucket = str(bucket)
        self._client = _client(settings, seconds(settings, "stall_timeout", stall_s))
        self._pool = ThreadPoolExecutor(THREADS, "fmi s3")
        self._to_delete: list[str] = []
        self._silent = ""

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        with self._naming_errors():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def get(self, key: str) -> bytes | None:
        """Read an object; the service answers 404 for a missing one only to who may list the bucket."""
        with self._naming_errors():
            try:
                return self._read(key)
            except self._client.exceptions.NoSuchKey:
                return None

    def _read(self, key: str) -> bytes:
        """Read again when the connection breaks in the middle of the object, which boto3 does not do."""
        for _ in range(ATTEMPTS - 1):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            with contextlib.suppress(IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                return body.read()
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def delete(self, key: str) -> None:
        """Delete an object."""
        with self._naming_errors():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def put_all(self, items: Mapping[str, bytes]) -> None:
        """Write several objects over several connections."""
        self._each(lambda item: self.put(*item), items.items())

    def get_all(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Read several objects over several connections."""
        found = self._each(lambda key: (key, self.get(key)), keys)
        return {key: data for key, data in found if data is not None}

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete objects, many with one request, and wait for that in `close` only."""
        self._to_delete += keys
        while len(self._to_delete) >= DELETE_AT_ONCE:
            self._delete_some()

    def _delete_some(self) -> None:
        self._pool.submit(self._delete, self._to_delete[:DELETE_AT_ONCE])
        del self._to_delete[:DELETE_AT_ONCE]

    def _delete(self, keys: list[str]) -> None:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        try:
            with self._naming_errors():
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        except ChannelError as error:
            _log.warning("messages that were read stay behind: %s", error)

    def keys(self, prefix: str) -> Iterable[str]:
        """List the objects with the prefix."""
        with self._naming_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def close(self) -> None:
        """Wait for the deletions and close the connections."""
        while self._to_delete:
            self._delete_some()
        self._pool.shutdown()
        self._client.close()

    def _each(self, action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        todo = list(items)
        if len(todo) < 2:
            return [action(item) for item in todo]
        return list(self._pool.map(action, todo))

    @contextlib.contextmanager
    def _naming_errors(self) -> Iterator[None]:
        if self._silent:  # after one wait in vain for an answer, closing need not wait again
            raise ChannelError(self._silent)
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            text = f"S3 bucket {self._bucket!r}: {error}"
            if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
                self._silent = text
            raise ChannelError(text) from error


def _client(settings: Mapping[str, Any], stall_s: float) -> S3Client:
    limits = ClientConfig(
        connect_timeout=stall_s / ATTEMPTS,
        read_timeout=stall_s / ATTEMPTS,
        max_pool_connections=2 * THREADS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        return boto3.session.Session().client(
            "s3",
            region_name=settings.get("s3_region") or None,
            endpoint_url=settings.get("endpoint_url") or None,
            config=limits,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"the S3 channel: {error}; see s3_region and endpoint_url under backends.S3"
        ) from error
